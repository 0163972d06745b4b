import { open } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { $ } from "zx";
import {
	builtImage,
	copyOf,
	type Disk,
	type Machine,
	machineForTest,
	timeLimit,
} from "./machine/index.ts";
import { logins, outputOf } from "./system/steps.ts";

const quiet = $({ quiet: true });
const bootPartition = "?offset=1048576";

test.serial("a disk too small is refused with the minimum size", async (t) => {
	t.timeout(timeLimit(4 * 60_000));
	const machine = machineForTest(t, {
		name: "disk-too-small",
		disks: [
			copyOf({ path: builtImage("img"), format: "raw" }, { sizeMB: 1_200 }),
		],
	});
	await machine.boot();
	await machine.console.expect(/at least \d+ (MiB|MB|GB)/, {
		timeoutMs: 120_000,
	});
	await assertStaysAtPrompt(machine);
	const table = await outputOf(machine.console, "cat /proc/partitions");
	t.notRegex(table, /vda[2-4]/, "nothing was written to the disk");
});

test.serial("a damaged system archive is refused by name", async (t) => {
	t.timeout(timeLimit(4 * 60_000));
	const machine = machineForTest(t, {
		name: "archive-damaged",
		disks: [imageWithDamaged("/a/rootfs.tar.xz")],
	});
	await machine.boot();
	await machine.console.expect(/rootfs\.tar\.xz: FAILED/, {
		timeoutMs: 120_000,
	});
	await assertStaysAtPrompt(machine);
	const log = await outputOf(machine.console, "cat /apps/install_step1.log");
	t.regex(log, /damaged/);
	t.notRegex(log, /^finished$/m);
	const table = await outputOf(machine.console, "cat /proc/partitions");
	t.notRegex(table, /vda[2-4]/, "nothing was written to the disk");
});

/** Asserts that a login is possible after the failure and that the machine does not restart. */
async function assertStaysAtPrompt(machine: Machine): Promise<void> {
	await machine.console.expect(/FAILED/);
	await machine.console.login(...logins.root);
	const restarted = await machine.waitForReboot({ timeoutMs: 15_000 }).then(
		() => true,
		() => false,
	);
	if (restarted) throw new Error("The machine restarts after a failure");
}

/** Returns the built image with one byte changed in the middle of a file on its boot partition. */
function imageWithDamaged(file: string): Disk {
	return async (directory, name) => {
		const disk = await copyOf({ path: builtImage("img"), format: "raw" })(
			directory,
			name,
		);
		const partition = disk.path + bootPartition;
		const copy = join(directory, "damaged");
		await quiet`debugfs -R ${`dump ${file} ${copy}`} ${partition}`;
		await changeMiddleByte(copy);
		await quiet`debugfs -w -R ${`rm ${file}`} ${partition}`;
		await quiet`debugfs -w -R ${`write ${copy} ${file}`} ${partition}`;
		return disk;
	};
}

async function changeMiddleByte(path: string): Promise<void> {
	const file = await open(path, "r+");
	const { size } = await file.stat();
	const middle = Math.floor(size / 2);
	const byte = Buffer.alloc(1);
	await file.read(byte, 0, 1, middle);
	byte.writeUInt8(byte.readUInt8() ^ 0xff);
	await file.write(byte, 0, 1, middle);
	await file.close();
}
