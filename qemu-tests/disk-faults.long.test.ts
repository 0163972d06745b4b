import { open } from "node:fs/promises";
import test from "ava";
import { $ } from "zx";
import {
	MIB,
	partitionExtents,
	SECTOR_BYTES,
	vmLayout,
} from "../partitioning/layout.ts";
import {
	builtImage,
	copyOf,
	type DiskFile,
	emptyDisk,
	type Machine,
	machineForTest,
	overlayOn,
	readOnly,
	timeLimit,
	withBadSectors,
} from "./machine/index.ts";
import { installedDisk } from "./system/base.ts";
import { readOwnerData, writeOwnerData } from "./system/owner-data.ts";
import { enterRescue, restart, runUntilRestart } from "./system/rescue.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

const minute = 60_000;
const quiet = $({ quiet: true });
const foreignContent = Buffer.alloc(4 * MIB, "somebody else's data\n");
const image = { path: builtImage("img"), format: "raw" } as const;
const freshDisk = copyOf(image);

test.serial("two identical disks are both left untouched", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const machine = machineForTest(t, {
		name: "two-disks",
		disks: [freshDisk, freshDisk],
	});
	await machine.boot();
	await machine.console.expect(
		/Both \/dev\/vd[ab] and \/dev\/vd[ab] may be the disk.*remove one of them/,
		{ timeoutMs: 2 * minute },
	);
	await machine.console.login(...logins.root);
	t.deepEqual(await partitionsOf(machine), ["vda1", "vdb1"]);
});

test.serial("an unrelated second disk is not touched", async (t) => {
	t.timeout(timeLimit(7 * minute));
	const machine = machineForTest(t, {
		name: "foreign-disk",
		disks: [overlayOn(image), foreignDisk],
	});
	await machine.boot();
	await machine.console.expect(/\nfinished\b/, {
		timeoutMs: 6 * minute,
		unless: /This FAILED|Kernel panic/,
	});
	await machine.cutPower();
	const [, disk] = await machine.disks();
	const file = await open(disk?.path ?? "");
	const found = await file.read(Buffer.alloc(foreignContent.length));
	await file.close();
	t.true(foreignContent.equals(found.buffer));
});

test.serial("a read-only disk is named, and rescue works", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const machine = machineForTest(t, {
		name: "read-only-disk",
		disks: [readOnly(freshDisk)],
	});
	await machine.boot();
	await machine.console.expect(/\/dev\/vda, is read-only: make it writable/, {
		timeoutMs: 2 * minute,
	});
	await machine.console.login(...logins.root);
	t.deepEqual(await partitionsOf(machine), ["vda1"]);
});

test.serial("a bad archive sector stops before any change", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const machine = machineForTest(t, {
		name: "bad-archive-sector",
		disks: [
			withBadSectors(freshDisk, async (disk) => [await archiveSector(disk)]),
		],
	});
	await machine.boot();
	await machine.console.expect(/rootfs\.tar\.xz/, { timeoutMs: 2 * minute });
	await machine.console.expect(/This FAILED/, { timeoutMs: 2 * minute });
	await machine.console.login(...logins.root);
	t.deepEqual(await partitionsOf(machine), ["vda1"]);
	t.regex(await outputOf(machine.console, "dmesg"), /I\/O error/);
});

test.serial("a bad sector under the new system is detected", async (t) => {
	t.timeout(timeLimit(6 * minute));
	const machine = machineForTest(t, {
		name: "bad-system-sector",
		disks: [withBadSectors(freshDisk, async () => systemSectors())],
	});
	await machine.boot();
	const { input } = await machine.console.expect(/This FAILED/, {
		timeoutMs: 5 * minute,
		unless: /\nfinished\b|Kernel panic/,
	});
	t.regex(
		input,
		/\/dev\/vda3 (is damaged|does not hold what was written|cannot be written to)/,
	);
	await machine.console.login(...logins.root);
	t.regex(
		await outputOf(machine.console, "head -n 1 /boot/grub/grub.cfg"),
		/^set default=0$/m,
	);
});

test.serial("missing partitions are recreated with their data", async (t) => {
	t.timeout(timeLimit(15 * minute));
	const machine = machineForTest(t, {
		name: "missing-partitions",
		disks: [overlayOn(installedDisk)],
	});
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	await writeOwnerData(machine.console);
	const kept = await readOwnerData(machine.console);
	await restart(machine);
	await enterRescue(machine);
	await outputOf(
		machine.console,
		"sfdisk --quiet --force --no-reread --delete /dev/vda 2 3; sync",
	);
	await restart(machine);
	await enterRescue(machine);
	t.deepEqual(await partitionsOf(machine), ["vda1", "vda4"]);
	const shown = await runUntilRestart(machine, "/home/root/install.sh log.txt");
	t.regex(shown, /Keeping the data on \/dev\/vda2/);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.deepEqual(await readOwnerData(machine.console), kept);
});

async function partitionsOf(machine: Machine): Promise<string[]> {
	const table = await outputOf(machine.console, "cat /proc/partitions");
	return table.match(/\bvd[ab]\d\b/g) ?? [];
}

/** A disk with unrelated data, large enough for an installation. */
async function foreignDisk(directory: string, name: string): Promise<DiskFile> {
	const disk = await emptyDisk(8)(directory, name);
	const file = await open(disk.path, "r+");
	await file.write(foreignContent);
	await file.close();
	return disk;
}

/** Returns a sector in the middle of the archive in the image's slot. */
async function archiveSector({ path }: DiskFile): Promise<number> {
	const { startBytes } = extentOf(1);
	const partition = `${path}?offset=${startBytes}`;
	const { stdout } =
		await quiet`debugfs -R ${"bmap /a/rootfs.tar.xz 2000"} ${partition}`;
	return (startBytes + Number(stdout) * 4096) / SECTOR_BYTES;
}

/**
 * Returns sectors that the new system will use. Several, since the library of ICU's data has 14 MB of zeros, which are
 * not written: a bad sector there would lose nothing.
 */
function systemSectors(): number[] {
	const { startBytes } = extentOf(3);
	return [60, 100, 140].map((mib) => (startBytes + mib * MIB) / SECTOR_BYTES);
}

function extentOf(wanted: number) {
	const extent = partitionExtents(vmLayout, vmLayout.imageBytes).find(
		({ number }) => number === wanted,
	);
	if (!extent) throw new Error(`There is no sda${wanted}`);
	return extent;
}
