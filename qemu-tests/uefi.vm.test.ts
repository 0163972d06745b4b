import test from "ava";
import { builtImage, overlayOn, timeLimit } from "./machine/index.ts";
import { installationTests } from "./system/installation.ts";
import { loginPage, logins, outputOf, switchOff } from "./system/steps.ts";

// The disk and network card that Proxmox chooses for a new machine.
const machine = installationTests(test, {
	name: "uefi",
	firmware: "uefi",
	disks: [overlayOn(async () => ({ path: builtImage("img"), format: "raw" }))],
	diskController: "virtio-scsi",
	network: "virtio-net-pci",
});

const firmware =
	"if [ -d /sys/firmware/efi ]; then echo UEFI; else echo BIOS; fi";

test.serial("was started by UEFI firmware", async (t) => {
	t.is(await outputOf(machine.console, firmware), "UEFI\n");
});

test.serial("starts from the same disk with a BIOS", async (t) => {
	t.timeout(timeLimit(5 * 60_000));
	await switchOff(machine);
	machine.setFirmware("bios");
	await machine.boot();
	await machine.console.expect("Run /sbin/init", {
		timeoutMs: 60_000,
		unless: /RAMDISK:|Kernel panic/,
	});
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.is(await outputOf(machine.console, firmware), "BIOS\n");
});
