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
 * How long the installed x86_64 system takes from its kernel's start until a browser gets the login page, against the
 * same kernel with nothing but PostgreSQL on the same disk, on an emulated machine, in turns; and when which process
 * of it began. `node --import=tsx bench/start.ts`, after a build.
 */
const { pairs } = new Command("bench/start.ts")
	.option("--pairs <number>", "how often both are started", Number, 3)
	.parse()
	.opts<{ pairs: number }>();

/** Instead of init: what PostgreSQL needs, and PostgreSQL. */
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

const folder = temporaryDirectory();
const disk = await rawCopyOf(installedDisk)(folder.path, "disk");
const kernel = await bootFile("x86_64", disk, "a/linux");
await addInit();

const system: number[] = [];
const peer: number[] = [];
let began: [process: string, seconds: number][] = [];
for (let pair = 1; pair <= pairs; pair++) {
	await started("slot=a", async (machine) => {
		await loginPage(machine);
		const shownMs = performance.now();
		await machine.console.login(...logins.root);
		const uptime = await outputOf(machine.console, "cat /proc/uptime");
		const since = (performance.now() - shownMs) / 1000;
		system.push(Math.round(10 * (Number.parseFloat(uptime) - since)) / 10);
		began = await processesOf(machine);
	});
	await started(`rw init=/${initFile}`, async ({ console }) => {
		const [, seconds] = await console.expect(/ready after (\S+) s/);
		peer.push(Number(seconds));
	});
	console.log(`${pair} of ${pairs}: ${system.at(-1)} s, ${peer.at(-1)} s`);
}
folder.remove();

const timeline = new Table({ head: ["process", "began at, s"] });
timeline.push(...began.map(([process, at]) => [process, at.toFixed(1)]));
console.log(timeline.toString());
const [ours, theirs] = [median(system), median(peer)];
console.log(
	`The login page is there after ${ours} s, PostgreSQL alone after ${theirs} s: ${(ours / theirs).toFixed(1)} times`,
);
process.exit();

/** On a fresh copy, without boot loader. */
async function started(
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

/** What runs, by when it began. */
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
	// Of those with the same name, the first.
	return [...new Map(found.toReversed())].toReversed();
}

/** Into the system's partition, which was left clean. */
async function addInit(): Promise<void> {
	const file = join(folder.path, initFile);
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
