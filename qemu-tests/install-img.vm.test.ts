import test from "ava";
import { builtImage, overlayOn } from "./machine/index.ts";
import { installationTests } from "./system/installation.ts";

installationTests(test, {
	name: "raw-image",
	disks: [overlayOn(async () => ({ path: builtImage("img"), format: "raw" }))],
	diskController: "nvme",
	network: "e1000",
});
