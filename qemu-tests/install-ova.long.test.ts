import { join } from "node:path";
import test from "ava";
import { $ } from "zx";
import {
	builtImage,
	type DiskFile,
	overlayOn,
	temporaryDirectory,
} from "./machine/index.ts";
import { installationTests } from "./system/installation.ts";

const unpacked = temporaryDirectory();
test.after.always(() => unpacked.remove());

/** Extracts the disk from the appliance, as VMware and VirtualBox do. */
async function diskOfAppliance(): Promise<DiskFile> {
	const disk = "app-platform-disk1.vmdk";
	await $({
		quiet: true,
	})`tar -xf ${builtImage("ova")} -C ${unpacked.path} ${disk}`;
	return { path: join(unpacked.path, disk), format: "vmdk" };
}

installationTests(test, {
	name: "ova",
	disks: [overlayOn(diskOfAppliance)],
	diskController: "pvscsi",
	network: "vmxnet3",
	memoryMB: 512,
});
