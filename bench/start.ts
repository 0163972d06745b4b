import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { $ } from "zx";
import { SECTOR_BYTES } from "../partitioning/layout.ts";
import {
	bootFile,
	Machine,
	overlayOn,
	rawCopyOf,
	temporaryDirectory,
} from "../qemu-tests/machine/index.ts";
import { installedDisk } from "../qemu-tests/system/base.ts";
import { loginPage, logins, outputOf } from "../qemu-tests/system/steps.ts";

/**
 * Measures the time from the start of the kernel until the login page is served, for the installed x86_64 system and,
 * alternately, for the same kernel with only PostgreSQL on the same disk, on an emulated machine. Also lists when each
 * process started. Run `node --import=tsx bench/start.ts` after a build.
 */
const { pairs } = new Command("bench/start.ts")
	.option("--pairs <number>", "number of boots of each system", Number, 3)
	.parse()
	.opts<{ pairs: number }>();

/** Replaces init: starts only PostgreSQL and what it needs. */
const onlyPostgresql = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /dev/shm /run/postgresql
mount -t tmpfs tmpfs /dev/shm
mount -o noatime /dev/vda2 /mnt/sda2
ip link set lo up
chown postgres /run/postgresql
: >/run/postgresql/app-platform.conf
setpriv --reuid postgres --regid postgres --init-groups postgres -D /mnt/sda2/pgsql &
until pg_isready -q -h /run/postgresql; do sleep 0.1; done
read -r uptime rest </proc/uptime
echo "ready after $uptime s"
while :; do sleep 60; done
`;
const initFile = "only-postgresql";

const directory = temporaryDirectory();
const disk = await rawCopyOf(installedDisk)(directory.path, "disk");
const kernel = await bootFile("x86_64", disk, "a/linux");
await addInit();

const system: number[] = [];
const peer: number[] = [];
let startTimes: [process: string, seconds: number][] = [];
for (let pair = 1; pair <= pairs; pair++) {
	await measureBoot("slot=a", async (machine) => {
		await loginPage(machine);
		const shownMs = performance.now();
		await machine.console.login(...logins.root);
		const uptime = await outputOf(machine.console, "cat /proc/uptime");
		const since = (performance.now() - shownMs) / 1000;
		system.push(Math.round(10 * (Number.parseFloat(uptime) - since)) / 10);
		startTimes = await processesOf(machine);
	});
	await measureBoot(`rw init=/${initFile}`, async ({ console }) => {
		const [, seconds] = await console.expect(/ready after (\S+) s/);
		peer.push(Number(seconds));
	});
	console.log(`${pair} of ${pairs}: ${system.at(-1)} s, ${peer.at(-1)} s`);
}
directory.remove();

const timeline = new Table({ head: ["process", "started at, s"] });
timeline.push(...startTimes.map(([process, at]) => [process, at.toFixed(1)]));
console.log(timeline.toString());
const [ours, theirs] = [median(system), median(peer)];
console.log(
	`Login page after ${ours} s, PostgreSQL alone after ${theirs} s: ${(ours / theirs).toFixed(1)} times as long`,
);
process.exit();

/** Boots a new overlay of the disk without a boot loader. */
async function measureBoot(
	append: string,
	look: (machine: Machine) => Promise<void>,
): Promise<void> {
	const machine = new Machine({ name: "start", disks: [overlayOn(disk)] });
	try {
		const line = `console=ttyS0 root=/dev/vda3 ${append}`;
		await machine.boot({ directBoot: { kernel, append: line } });
		await look(machine);
	} finally {
		await machine.discard();
	}
}

/** Returns the running processes by start time. */
async function processesOf({
	console,
}: Machine): Promise<[process: string, seconds: number][]> {
	const lines = await outputOf(
		console,
		`awk '$4 != 2 && $4 != 0 { print $2, $22 / 100 }' /proc/[0-9]*/stat 2>/dev/null || true`,
	);
	const found = [...lines.matchAll(/^\((\S+)\) ([\d.]+)$/gm)].map(
		([, name, at]) => [String(name), Number(at)] as [string, number],
	);
	found.sort(([, one], [, other]) => one - other);
	// Keeps only the first process of each name.
	return [...new Map(found.toReversed())].toReversed();
}

/** Writes the init script to the system's partition, which is clean. */
async function addInit(): Promise<void> {
	const file = join(directory.path, initFile);
	await writeFile(file, onlyPostgresql, { mode: 0o755 });
	const table = await $({ quiet: true })`sfdisk --json ${disk.path}`;
	const { partitions } = (
		JSON.parse(table.stdout) as {
			partitiontable: { partitions: { start: number }[] };
		}
	).partitiontable;
	const offset = (partitions[2]?.start ?? 0) * SECTOR_BYTES;
	for (const command of [
		`write ${file} ${initFile}`,
		`set_inode_field ${initFile} mode 0100755`,
	])
		await $({
			quiet: true,
		})`debugfs -w -R ${command} ${`${disk.path}?offset=${offset}`}`;
}

function median(values: readonly number[]): number {
	const sorted = [...values].sort((one, other) => one - other);
	return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
