import { mkdtempSync } from "node:fs";
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { existingDisk, machineForTest } from "../qemu-tests/machine/index.ts";
import { bootMenus } from "./boot-menu.ts";
import { makeBootPartition } from "./boot-partition.ts";
import { makeDiskImage } from "./disk-image.ts";
import { grubConfig, makeGrub } from "./grub.ts";
import { type DiskLayout, MIB, SECTOR_BYTES, vmLayout } from "./layout.ts";
import { makeVmdk } from "./vm-disks.ts";

// No kernel is needed: GRUB prints the entry it boots before it looks for the kernel.

const layout: DiskLayout = {
	...vmLayout,
	imageBytes: 64 * MIB,
	boot: { ...vmLayout.boot, sizeBytes: 16 * MIB },
};
const diskSignature = "1234abcd";
const epochSeconds = 1_767_225_600;
const seed = "grub test";
const RESCUE = "Booting `Rescue system'";
const SYSTEM = "Booting `App Platform'";

const directory = mkdtempSync(join(tmpdir(), "app-platform-grub-"));
const at = (name: string) => join(directory, name);
const template = join(import.meta.dirname, "../board/grub.cfg");
let config: string;

test.before(async () => {
	config = grubConfig(await readFile(template, "utf8"), diskSignature);
	await writeFile(at("grub.cfg"), config);
	await makeBootPartition({
		partition: layout.boot,
		files: { "boot/grub/grub.cfg": at("grub.cfg") },
		epochSeconds,
		seed,
		outputPath: at("boot.ext2"),
	});
	await makeDiskImage({
		layout,
		diskSignature,
		bootPartition: at("boot.ext2"),
		grub: await makeGrub({ config, epochSeconds, outputDirectory: at("grub") }),
		outputPath: at("disk.img"),
	});
});
test.after.always(() => rm(directory, { recursive: true, force: true }));

/** Starts a machine with this disk; returns its serial console. */
async function consoleOf(
	t: ExecutionContext,
	name: string,
	path: string,
	format: "raw" | "vmdk" = "raw",
) {
	const machine = machineForTest(t, {
		name: `grub-${name}`,
		disks: [existingDisk({ path, format })],
		network: "none",
		memoryMB: 128,
	});
	await machine.boot();
	return machine.console;
}

/** Copies the raw disk and overwrites `bytes` of grub.cfg in place, as a sector write does. */
async function diskWith(
	name: string,
	offsetInConfig: number,
	bytes: Buffer,
): Promise<string> {
	const path = at(`${name}.img`);
	const disk = await readFile(at("disk.img"));
	// This finds the file, behind the start of the first partition: GRUB's built-in copy is compressed.
	const configAt = disk.indexOf(config, MIB);
	bytes.copy(disk, configAt + offsetInConfig);
	await writeFile(path, disk);
	return path;
}

test("GRUB shows both entries on the serial console and boots the first", async (t) => {
	const path = at("menu.img");
	await copyFile(at("disk.img"), path);
	const console = await consoleOf(t, "menu", path);
	await console.expect("Rescue system");
	await console.expect("App Platform");
	await console.expect(RESCUE);
	t.notRegex(console.tail, /damaged/);
});

test("GRUB boots from the VMDK", async (t) => {
	await makeVmdk({
		rawImage: at("disk.img"),
		seed,
		outputPath: at("disk.vmdk"),
	});
	const console = await consoleOf(t, "vmdk", at("disk.vmdk"), "vmdk");
	await console.expect(RESCUE);
	t.notRegex(console.tail, /damaged/);
});

test("overwriting one digit in place makes the system the default", async (t) => {
	const path = await diskWith(
		"system",
		bootMenus.grub.beforeDefault.length,
		Buffer.from("1"),
	);
	const console = await consoleOf(t, "system", path);
	await console.expect(SYSTEM, { unless: /Booting `Rescue/ });
	t.pass();
});

test("without the boot state's sector, GRUB boots the rescue system", async (t) => {
	const path = await diskWith("no-state", 0, Buffer.alloc(SECTOR_BYTES));
	const console = await consoleOf(t, "no-state", path);
	await console.expect(RESCUE);
	t.pass();
});

test("GRUB uses its built-in copy of a damaged grub.cfg", async (t) => {
	const path = await diskWith(
		"damaged",
		0,
		Buffer.alloc(config.length, "\xff{\n", "latin1"),
	);
	const console = await consoleOf(t, "damaged", path);
	await console.expect("grub.cfg is damaged");
	await console.expect(RESCUE);
	t.pass();
});
