import { join } from "node:path";
import test from "ava";
import { Clients } from "../bench/websockets/clients-process.ts";
import { type Console, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { memoryFigures } from "./system/memory.ts";
import { notesPage, putStore, storeFolder } from "./system/notes.ts";
import { report } from "./system/report.ts";
import { loginPage, managerSession, outputOf } from "./system/steps.ts";

// Thousands of idle TLS WebSockets to an app, on a machine of 512 MB. WEBSOCKETS=10000 is the goal
// of one; QEMU's network takes the longer for each the more there are, and hours for so many without
// KVM.
const minute = 60_000;
const count = Number(process.env.WEBSOCKETS ?? 3_000);
const step = 1_000;
const path = "/example.com/echo/";
const machine = runningMachine(test, "many-websockets");
let clients: Clients;

test.serial("an app is there", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const app = join(import.meta.dirname, "../bench/websockets/app");
	await putStore(machine, [app]);
	const call = await managerSession(machine);
	await call("storeUrlChange", { url: storeFolder });
	await call("serviceInstall", { id: "bench_echo" });
	await call("instanceCreate", {
		serviceId: "bench_echo",
		name: "echo",
		domain: "example.com",
	});
	t.regex(await notesPage(machine, path), /^\d+$/);
	await report("idle WebSockets", { before: await figures(machine.console) });
});

test.serial("all connections are made", async (t) => {
	t.timeout(timeLimit(60 * minute));
	clients = new Clients(machine.url("wss") + path);
	for (let made = step; made <= count; made += step) {
		const perSecond = await clients.open(step, 16);
		const withThem = await figures(machine.console);
		await report("idle WebSockets", {
			[`with ${made}`]: { perSecond, ...withThem },
		});
	}
	t.pass();
});

test.serial("they work, and so does the manager", async (t) => {
	t.timeout(timeLimit(10 * minute));
	t.teardown(() => clients.end());
	const delays = await clients.delays(10, 10);
	await report("idle WebSockets", { delays });
	await loginPage(machine);
	const memory = await memoryFigures(machine.console);
	await report("idle WebSockets", { memory });
	const kernel = await outputOf(machine.console, "dmesg");
	t.notRegex(kernel, /Out of memory|oom-kill/i);
});

/** Where the memory is, in kilobytes. */
async function figures(console: Console) {
	const sum = async (names: string, file: string) =>
		Number(
			await outputOf(
				console,
				`awk '/^(${names}):? / { sum += $2 } END { print sum }' ${file}`,
			),
		);
	const group = "/sys/fs/cgroup/apps/echo";
	const appSwapBytes = await outputOf(
		console,
		`cat ${group}/memory.swap.current`,
	);
	const appBytes = await sum("anon", `${group}/memory.stat`);
	return {
		available: await sum("MemAvailable", "/proc/meminfo"),
		swapFree: await sum("SwapFree", "/proc/meminfo"),
		webServer: await sum("Pss|SwapPss", "/proc/$(pidof haproxy)/smaps_rollup"),
		app: Math.round((appBytes + Number(appSwapBytes)) / 1024),
		/** Of the kernel: all sockets and their files among it. */
		slab: await sum("Slab", "/proc/meminfo"),
	};
}
