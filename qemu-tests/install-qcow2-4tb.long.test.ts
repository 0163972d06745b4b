import test from "ava";
import { builtImage, overlayOn } from "./machine/index.ts";
import { installationTests } from "./system/installation.ts";
import { outputOf } from "./system/steps.ts";

const image = async () =>
	({ path: builtImage("qcow2"), format: "qcow2" }) as const;

const machine = installationTests(test, {
	name: "qcow2-of-4-tb",
	disks: [overlayOn(image, { sizeGB: 4096 })],
	diskController: "virtio-blk",
	network: "virtio-net-pci",
	cpus: 2,
});

test.serial("reports how much of the disk is unused", async (t) => {
	const log = await outputOf(machine.console, "cat /apps/install_step1.log");
	t.regex(
		log,
		/^Only the first 2097151 MiB \(2 TiB\) of the 4194304 MiB of \/dev\/vda are used, because its MBR/m,
	);
});
