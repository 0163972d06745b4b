import test from "ava";
import { builtImage, overlayOn } from "./machine/index.ts";
import { installationTests } from "./system/installation.ts";

const image = async () =>
	({ path: builtImage("qcow2"), format: "qcow2" }) as const;

installationTests(test, {
	name: "qcow2-of-40-gb",
	disks: [overlayOn(image, { sizeGB: 40 })],
	diskController: "virtio-blk",
	network: "virtio-net-pci",
	cpus: 2,
});
