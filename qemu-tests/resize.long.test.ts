import test from "ava";
import {
	builtImage,
	copyOf,
	machineForTests,
	timeLimit,
} from "./machine/index.ts";
import {
	type OwnerData,
	readOwnerData,
	writeOwnerData,
} from "./system/owner-data.ts";
import { partitions, resizeDisk } from "./system/partitions.ts";
import { enterRescue, runUntilRestart } from "./system/rescue.ts";
import {
	loginPage,
	logins,
	outputOf,
	watchInstallation,
} from "./system/steps.ts";

const minute = 60_000;
const MiB = 1024 * 1024;
const command = "/home/root/install.sh log.txt resize";

// Small, so that the data partition is filled quickly.
const image = { path: builtImage("img"), format: "raw" } as const;
const machine = machineForTests(test, {
	name: "resize",
	disks: [copyOf(image, { sizeMB: 2_500 })],
});
let kept: OwnerData;

test.serial("a data partition is filled", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.boot();
	await watchInstallation(machine);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	await writeOwnerData(machine.console);
	const { output } = await machine.console.run(
		`rm -f /mnt/sda2/empty_if_no_space
		free=$(df -k /mnt/sda2 | awk 'END { print $4 }')
		fallocate -l $((free - 60000))KiB /mnt/sda2/filler
		number=0
		while head -c 10000000 /dev/urandom >/home/admin/more-$number; do
			number=$((number + 1))
		done`,
		{ timeoutMs: 5 * minute },
	);
	t.regex(output, /No space left on device|I\/O error/);
	kept = await readOwnerData(machine.console);
	machine.console.send("poweroff\n");
	await machine.waitForPowerOff();
});

test.serial("a full data partition is enlarged with its disk", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await resizeDisk(machine, { toMiB: 4_000 });
	await machine.boot();
	await enterRescue(machine);
	t.regex(await runUntilRestart(machine, command), /Enlarging the file system/);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.deepEqual(await readOwnerData(machine.console), kept);
	t.true((await sizeByDf()) > 2_350, "df shows the new size");
	await assertFillsDisk();
	t.pass();
});

test.serial("a half-full data partition is enlarged sixteenfold", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await switchOff();
	await resizeDisk(machine, { toMiB: 18_000 });
	await machine.boot();
	await enterRescue(machine);
	await runUntilRestart(machine, command);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.deepEqual(await readOwnerData(machine.console), kept);
	t.true((await sizeByDf()) > 16_000, "df shows the new size");
	await assertFillsDisk();
	await switchOff();
});

for (const [grown, byKiB] of [
	["three MiB", 3 * 1024],
	["less than a MiB", 300],
	["nothing", 0],
] as const)
	test.serial(`a disk enlarged by ${grown} is accepted`, async (t) => {
		t.timeout(timeLimit(6 * minute));
		await resizeDisk(machine, { byKiB });
		await machine.boot();
		await enterRescue(machine);
		const shown = await runUntilRestart(machine, command);
		if (byKiB < 1024) t.regex(shown, /reaches to the end of .* already/);
		else t.regex(shown, /Enlarging the data partition to/);
		await enterRescue(machine);
		await outputOf(machine.console, "e2fsck -f -n /dev/sda2", {
			timeoutMs: 2 * minute,
		});
		await assertFillsDisk();
		await switchOff();
	});

test.serial("a shrunk disk is refused", async (t) => {
	t.timeout(timeLimit(6 * minute));
	await resizeDisk(machine, { toMiB: 17_000 });
	await machine.boot();
	await enterRescue(machine);
	const start =
		"sha256sum </dev/sda1; dd if=/dev/sda bs=512 count=1 2>/dev/null | sha256sum";
	const before = await outputOf(machine.console, start);
	for (const work of [command, "/home/root/install.sh log.txt"]) {
		const { exitCode, output } = await machine.console.run(work, {
			timeoutMs: 2 * minute,
		});
		t.not(exitCode, 0);
		t.regex(output, /made smaller.*nothing is changed/i);
		t.regex(output, /to 1800\d MiB or more/);
	}
	t.is(await outputOf(machine.console, start), before);
	await switchOff();
});

test.serial("enlarging the shrunk disk again loses nothing", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await resizeDisk(machine, { toMiB: 20_000 });
	await machine.boot();
	await enterRescue(machine);
	await runUntilRestart(machine, command);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.deepEqual(await readOwnerData(machine.console), kept);
	await assertFillsDisk();
});

async function switchOff(): Promise<void> {
	machine.console.send("poweroff\n");
	await machine.waitForPowerOff();
}

async function sizeByDf(): Promise<number> {
	return Number(
		await outputOf(machine.console, "df -m /mnt/sda2 | awk 'END { print $2 }'"),
	);
}

/** Asserts that the partition and its file system end less than 1 MiB before the end of the disk. */
async function assertFillsDisk(): Promise<void> {
	const { diskBytes, found } = await partitions(machine.console);
	const data = found.find(({ number }) => number === 2);
	if (!data) throw new Error("There is no data partition");
	const unused = diskBytes - data.startBytes - data.sizeBytes;
	const header = await outputOf(machine.console, "dumpe2fs -h /dev/sda2");
	const blocks = Number(/^Block count: *(\d+)/m.exec(header)?.[1]);
	if (unused < 0 || unused >= MiB)
		throw new Error(`${unused} bytes behind the data partition are unused`);
	if (blocks * 4096 !== data.sizeBytes)
		throw new Error(`The file system has only ${blocks} blocks`);
}
