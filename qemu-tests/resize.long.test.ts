import test from "ava";
import {
	builtImage,
	copyOf,
	machineForTests,
	timeLimit,
} from "./machine/index.ts";
import { resizeDisk } from "./system/disk-size.ts";
import { dataFound, type Kept, leaveData } from "./system/kept.ts";
import { partitions } from "./system/partitions.ts";
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

// So small that a full data partition is soon made.
const image = { path: builtImage("img"), format: "raw" } as const;
const machine = machineForTests(test, {
	name: "resize",
	disks: [copyOf(image, { sizeMB: 2_500 })],
});
let kept: Kept;

test.serial("a data partition is written full", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.boot();
	await watchInstallation(machine);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	await leaveData(machine.console);
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
	kept = await dataFound(machine.console);
	machine.console.send("poweroff\n");
	await machine.waitForPowerOff();
});

test.serial("a full one grows with its disk and restarts", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await resizeDisk(machine, { toMiB: 4_000 });
	await machine.boot();
	await enterRescue(machine);
	t.regex(await runUntilRestart(machine, command), /Enlarging the file system/);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.deepEqual(await dataFound(machine.console), kept);
	t.true((await sizeByDf()) > 2_350, "df shows the new size");
	await fillsTheDisk();
	t.pass();
});

test.serial("a half-full one grows sixteenfold", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await switchOff();
	await resizeDisk(machine, { toMiB: 18_000 });
	await machine.boot();
	await enterRescue(machine);
	await runUntilRestart(machine, command);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.deepEqual(await dataFound(machine.console), kept);
	t.true((await sizeByDf()) > 16_000, "df shows the new size");
	await fillsTheDisk();
	await switchOff();
});

for (const [grown, byKiB] of [
	["three MiB", 3 * 1024],
	["less than a MiB", 300],
	["nothing", 0],
] as const)
	test.serial(`a disk that grew by ${grown} is no fault`, async (t) => {
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
		await fillsTheDisk();
		await switchOff();
	});

test.serial("a disk that was made smaller is refused", async (t) => {
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

test.serial("made larger again, it has lost nothing", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await resizeDisk(machine, { toMiB: 20_000 });
	await machine.boot();
	await enterRescue(machine);
	await runUntilRestart(machine, command);
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.deepEqual(await dataFound(machine.console), kept);
	await fillsTheDisk();
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

/** The partition ends less than a MiB before the disk, and the file system with it. */
async function fillsTheDisk(): Promise<void> {
	const { diskBytes, found } = await partitions(machine.console);
	const data = found.find(({ number }) => number === 2);
	if (!data) throw new Error("There is no data partition");
	const unused = diskBytes - data.startBytes - data.sizeBytes;
	const header = await outputOf(machine.console, "dumpe2fs -h /dev/sda2");
	const blocks = Number(/^Block count: *(\d+)/m.exec(header)?.[1]);
	if (unused < 0 || unused >= MiB)
		throw new Error(`${unused} bytes behind the data partition are unused`);
	if (blocks * 4096 !== data.sizeBytes)
		throw new Error(`The file system has ${blocks} blocks, no more`);
}
