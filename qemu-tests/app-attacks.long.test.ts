import { once } from "node:events";
import test, { type ExecutionContext } from "ava";
import type { WebSocket } from "ws";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { installHostile, neighbour, type RunAsApp } from "./system/hostile.ts";
import { notesPage, openNotes } from "./system/notes.ts";
import { report } from "./system/report.ts";
import { managerSession, outputOf } from "./system/steps.ts";

// An app that uses up everything it can get: the manager answers, and other apps keep their connections. Containers
// have no limits, because their hosts do not delegate the controllers of control groups.
const minute = 60_000;
/** If a page takes at most a twentieth of it without an attack; in proportion on slower hosts. */
const maxPageMs = 2_000;
const attackFactor = 20;
const attackMs = 20_000;
const maxAttackMs = 2 * minute;
const group = "/sys/fs/cgroup/apps/hostile";
const machine = runningMachine(test, "app-attacks");
let runAsApp: RunAsApp;
let socket: WebSocket;
/** Without an attack. */
let usualPageMs = 0;

test.serial("two apps run", async (t) => {
	t.timeout(timeLimit(5 * minute));
	runAsApp = await installHostile(machine);
	await notesPage(machine, neighbour);
	({ socket } = await openNotes(machine, neighbour));
	await waitForApp();
	const pages: number[] = [];
	for (let n = 0; n < 9; n += 1) pages.push(await pageMs());
	usualPageMs = pages.sort((a, b) => a - b)[4] ?? 0;
	await report("an app's attack", { "none, page ms": usualPageMs });
	t.pass();
});

test.serial("there are limits for the app and for all together", async (t) => {
	const read = async (directory: string) =>
		(
			await outputOf(
				machine.console,
				`cd ${directory} && cat memory.max memory.swap.max pids.max cpu.weight
				sed 's/default//' io.bfq.weight`,
			)
		)
			.trim()
			.split(/\s+/)
			.map(Number);
	const [memory = 0, swap = 0, processes, weight, ioWeight] = await read(group);
	const [allMemory, allSwap, allProcesses, allWeight, allIoWeight] = await read(
		"/sys/fs/cgroup/apps",
	);
	t.true(memory > 100e6 && memory < 300e6, `${memory}`);
	t.true(swap > 50e6 && swap < 200e6, `${swap}`);
	t.deepEqual([processes, weight, allWeight], [200, 100, 100]);
	t.deepEqual([ioWeight, allIoWeight], [100, 10]);
	const scheduler = await outputOf(
		machine.console,
		"cat /sys/class/block/vda/queue/scheduler",
	);
	t.regex(scheduler, /\[bfq\]/);
	// The kernel rounds to pages.
	t.is((Number(allMemory) / memory).toFixed(3), "1.500");
	t.is((Number(allSwap) / swap).toFixed(3), "2.000");
	t.true(Number(allProcesses) > 500, `${allProcesses}`);
});

const background = (command: string) => `(${command}) >/dev/null 2>&1 &`;

for (const { name, command, limited } of [
	{
		name: "a fork bomb",
		command: "bomb() { bomb | bomb & }; bomb",
		limited: "grep -q '^max [1-9]' pids.events",
	},
	{
		name: "200 spinning processes",
		// All start to spin at the same time: each one slows down the start of the next.
		command: `mkfifo /tmp/go
			(count=0; while [ $count -lt 200 ]; do
				(read line </tmp/go; while :; do :; done) & count=$((count + 1))
			done)
			: >/tmp/go`,
		limited: "[ $(cat pids.current) -gt 150 ]",
	},
	{
		name: "a memory hog",
		command:
			"node -e 'const all = []; for (;;) all.push(Buffer.alloc(1e6, 1))'",
		limited: "grep -q '^oom_kill [1-9]' memory.events",
	},
	{
		name: "an fd hog",
		command: `for each in 1 2 3 4 5 6 7 8; do
			node -e 'const fs = require("fs"); try { for (;;) fs.openSync("/dev/null"); } catch {} setInterval(() => {}, 1e6)' &
		done`,
		limited:
			"[ $(awk '{ print $1 }' /proc/sys/fs/file-nr) -gt 50000 ] || grep -q '^oom_kill [1-9]' memory.events",
	},
	{
		name: "four writers that wait for the disk, and four readers",
		command: `cd instances/2
			for each in 1 2 3 4; do
				(while :; do dd if=/dev/zero of=written$each bs=64k count=500 oflag=direct; done) &
				(while :; do dd if=/dev/urandom of=synced$each bs=8k count=20 conv=fsync; done) &
				(while :; do dd if=written$each of=/dev/null bs=64k iflag=direct; done) &
			done`,
		limited: "grep -q 'wbytes=[0-9]\\{8\\}' io.stat",
	},
])
	test.serial(`${name} disturbs nobody else`, async (t) => {
		t.timeout(timeLimit(5 * minute));
		await waitForApp();
		await runAsApp(background(command));
		t.teardown(() => outputOf(machine.console, `echo 1 >${group}/cgroup.kill`));
		const startMs = performance.now();
		let maxMs = 0;
		let echoMs = 0;
		let isLimited = false;
		// Swapping may keep a hog from its limit for longer.
		while (
			performance.now() - startMs <
			(isLimited ? attackMs : timeLimit(maxAttackMs))
		) {
			maxMs = Math.max(maxMs, await pageMs());
			echoMs = Math.max(echoMs, await echo(`${name} ${performance.now()}`));
			const { exitCode } = await machine.console.run(
				`cd ${group} && ${limited}`,
			);
			isLimited ||= exitCode === 0;
		}
		await report("an app's attack", {
			[`${name}, page ms`]: maxMs,
			[`${name}, echo ms`]: echoMs,
		});
		t.log({ maxMs, echoMs });
		t.true(isLimited);
		assertFast(t, maxMs);
	});

const fileAlarms = async () => {
	const call = await managerSession(machine);
	const { alarms } = (await call("alarms")) as { alarms: { text: string }[] };
	return alarms.filter(({ text }) =>
		/cannot write files|The files of/.test(text),
	);
};

test.serial("an app that fills the disk comes to its limit", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await waitForApp();
	const { output } = await runAsApp(
		`cd instances/2 && rm -f written* synced* && count=0
		while fallocate -l 1G fill$count; do count=$((count + 1)); done
		dd if=/dev/zero of=rest bs=64k`,
	);
	t.regex(output, /Disk quota exceeded/);
	const used = await outputOf(
		machine.console,
		"df -P /mnt/sda2 | awk 'END { print $5 + 0 }'",
	);
	t.true(Number(used) > 48 && Number(used) < 60, `${used} %`);
	await echo("beside a full app");
	const alarms = await eventually(
		"the alarm is active",
		async () => {
			const all = await fileAlarms();
			return all.length > 0 ? all : undefined;
		},
		{ timeoutMs: 2 * minute },
	);
	t.like(alarms, [{ service: "hostile", severity: "critical" }]);
	t.regex((await runAsApp("cd instances/2 && rm fill* rest")).output, /^$/);
	await eventually(
		"the alarm is cleared",
		async () => (await fileAlarms()).length === 0 || undefined,
		{ timeoutMs: 2 * minute },
	);
});

test.serial("a full disk stops neither PostgreSQL nor the login", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await waitForApp();
	const call = await managerSession(machine);
	await call("fileLimitChange", { megabytes: 1_000_000 });
	await eventually("the limit is higher", async () => {
		const { output } = await machine.console.run(
			"/usr/lib/app-platform/app-quotas report",
		);
		return / 976562500 /.test(output) || undefined;
	});
	const { output } = await runAsApp(
		`cd instances/2 && count=0
		while fallocate -l 1G fill$count; do count=$((count + 1)); done
		dd if=/dev/zero of=rest bs=64k`,
	);
	t.regex(output, /No space left/);
	assertFast(t, await pageMs());
	// Saved in the database.
	await echo("on a full disk");
	await outputOf(
		machine.console,
		"psql -d manager -c 'CREATE TABLE filler AS SELECT generate_series(1, 100000)' -c CHECKPOINT",
	);
});

function assertFast(t: ExecutionContext, ms: number): void {
	t.true(
		ms < Math.max(maxPageMs, attackFactor * usualPageMs),
		`${ms} ms, ${usualPageMs} ms without an attack`,
	);
}

/** Waits until the app has been restarted. */
async function waitForApp(): Promise<void> {
	await eventually(
		"the hostile app answers",
		async () => (await runAsApp("true")).exitCode === 0 || undefined,
		{ timeoutMs: 2 * minute },
	);
}

async function pageMs(): Promise<number> {
	const startMs = performance.now();
	const response = await machine.fetch("manager", "/manager/", {
		signal: AbortSignal.timeout(timeLimit(30_000)),
	});
	await response.text();
	if (response.status !== 200)
		throw new Error(`The page answers with ${response.status}`);
	return Math.round(performance.now() - startMs);
}

/** The other app's WebSocket, opened before all attacks, saves a text and sends it back. */
async function echo(text: string): Promise<number> {
	const startMs = performance.now();
	const signal = AbortSignal.timeout(timeLimit(10_000));
	socket.send(text);
	for (;;) {
		const [data] = await once(socket, "message", { signal });
		if (String(data) === text) return Math.round(performance.now() - startMs);
	}
}
