import test from "ava";
import { builtImage, overlayOn } from "./machine/index.ts";
import { installationTests } from "./system/installation.ts";

const image = async () =>
	({ path: builtImage("vhdx"), format: "vhdx" }) as const;

installationTests(test, {
	name: "vhdx",
	disks: [overlayOn(image)],
	diskController: "ahci",
	network: "e1000e",
});
