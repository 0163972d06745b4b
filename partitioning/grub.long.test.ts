import { mkdtempSync } from "node:fs";
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import {
	existingDisk,
	type Firmware,
	machineForTest,
} from "../qemu-tests/machine/index.ts";
import { bootMenus } from "./boot-menu.ts";
import { makeBootPartition } from "./boot-partition.ts";
import { makeDiskImage } from "./disk-image.ts";
import { EFI_FALLBACK_PATH, EFI_START_PATH, efiStartFile } from "./efi.ts";
import { grubConfig, makeGrub } from "./grub.ts";
import { type DiskLayout, MIB, SECTOR_BYTES, vmLayout } from "./layout.ts";
import { makeVmdk } from "./vm-disks.ts";

// No kernel is needed: GRUB prints the entry it boots before it looks for the kernel. 2 minutes.

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
	await writeFile(at("linux"), "not signed");
	await makeBootPartition({
		partition: layout.boot,
		files: {
			"a/linux": at("linux"),
			"boot/grub/grub.cfg": at("grub.cfg"),
			[EFI_START_PATH]: efiStartFile,
			[EFI_FALLBACK_PATH]: at("grub.cfg"),
		},
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
	{
		format = "raw",
		firmware = "bios",
	}: { format?: "raw" | "vmdk"; firmware?: Firmware } = {},
) {
	const machine = machineForTest(t, {
		name: `grub-${name}`,
		disks: [existingDisk({ path, format })],
		network: "none",
		memoryMB: 256,
		firmware,
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
	// The copies are before it: the one for UEFI in the file system, and the one built into GRUB, which is compressed.
	const configAt = disk.lastIndexOf(config);
	bytes.copy(disk, configAt + offsetInConfig);
	await writeFile(path, disk);
	return path;
}

for (const firmware of ["bios", "uefi"] as const) {
	const nameOf = (name: string) => `${firmware}-${name}`;

	test(`${firmware}: GRUB shows both entries on the serial console and boots the first`, async (t) => {
		const path = at(`${nameOf("menu")}.img`);
		await copyFile(at("disk.img"), path);
		const console = await consoleOf(t, nameOf("menu"), path, { firmware });
		await console.expect("Rescue system", { timeoutMs: 90_000 });
		await console.expect("App Platform");
		await console.expect(RESCUE);
		t.notRegex(console.tail, /damaged/);
	});

	test(`${firmware}: overwriting one digit in place makes the system the default`, async (t) => {
		const path = await diskWith(
			nameOf("system"),
			bootMenus.grub.beforeDefault.length,
			Buffer.from("1"),
		);
		const console = await consoleOf(t, nameOf("system"), path, { firmware });
		await console.expect(SYSTEM, {
			timeoutMs: 90_000,
			unless: /Booting `Rescue/,
		});
		t.pass();
	});

	test(`${firmware}: without the boot state's sector, GRUB boots the rescue system`, async (t) => {
		const lost = Buffer.alloc(SECTOR_BYTES);
		const path = await diskWith(nameOf("no-state"), 0, lost);
		const console = await consoleOf(t, nameOf("no-state"), path, { firmware });
		await console.expect(RESCUE, { timeoutMs: 90_000 });
		t.pass();
	});

	test(`${firmware}: GRUB uses the copy of a damaged grub.cfg`, async (t) => {
		const path = await diskWith(
			nameOf("damaged"),
			0,
			Buffer.alloc(config.length, "\xff{\n", "latin1"),
		);
		const console = await consoleOf(t, nameOf("damaged"), path, { firmware });
		await console.expect("grub.cfg is damaged", { timeoutMs: 90_000 });
		await console.expect(RESCUE);
		t.pass();
	});
}

test("GRUB boots from the VMDK", async (t) => {
	await makeVmdk({
		rawImage: at("disk.img"),
		seed,
		outputPath: at("disk.vmdk"),
	});
	const console = await consoleOf(t, "vmdk", at("disk.vmdk"), {
		format: "vmdk",
	});
	await console.expect(RESCUE);
	t.notRegex(console.tail, /damaged/);
});

test("with Secure Boot, shim and GRUB start, and GRUB refuses our kernel", async (t) => {
	const path = at("secure-boot.img");
	await copyFile(at("disk.img"), path);
	const console = await consoleOf(t, "secure-boot", path, {
		firmware: "uefi-secure-boot",
	});
	await console.expect(RESCUE, { timeoutMs: 180_000 });
	await console.expect("bad shim signature", { timeoutMs: 60_000 });
	t.pass();
});
