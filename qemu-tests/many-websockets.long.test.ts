import { join } from "node:path";
import test from "ava";
import { Clients } from "../bench/websockets/clients-process.ts";
import { type Console, timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { notesPage, putStore, storeDirectory } from "./system/notes.ts";
import { memoryFigures, report } from "./system/report.ts";
import { loginPage, managerSession, outputOf } from "./system/steps.ts";

// Thousands of idle TLS WebSockets to an app, on a machine with 512 MB. WEBSOCKETS=10000 is the goal for one machine.
// QEMU's user network needs more time per connection the more there are: for so many, TAP names a TAP device of this
// host with the address 10.9.9.1/24.
const minute = 60_000;
const count = Number(process.env.WEBSOCKETS ?? 3_000);
const step = 1_000;
const path = "/example.com/echo/";
const { TAP: tap } = process.env;
const addressAtTap = "10.9.9.2";
const machine = installedMachine(test, {
	name: "many-websockets",
	memoryMB: 512,
	tap,
});
let clients: Clients;

test.serial("an app is installed", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.boot();
	await loginPage(machine);
	const app = join(import.meta.dirname, "../bench/websockets/app");
	await putStore(machine, [app]);
	if (tap)
		await outputOf(
			machine.console,
			`ip addr add ${addressAtTap}/24 dev eth1 && ip link set eth1 up`,
		);
	const call = await managerSession(machine);
	await call("storeUrlChange", { url: storeDirectory });
	await call("serviceInstall", { id: "bench_echo" });
	await call("instanceCreate", {
		serviceId: "bench_echo",
		name: "echo",
		domain: "example.com",
	});
	t.regex(await notesPage(machine, path), /^\d+$/);
	await report("idle WebSockets", { before: await figures(machine.console) });
});

test.serial("all connections are opened", async (t) => {
	t.timeout(timeLimit(60 * minute));
	const origin = tap
		? `wss://${addressAtTap}`
		: `wss://127.0.0.1:${machine.port(443)}`;
	clients = new Clients(origin + path);
	for (let made = step; made <= count; made += step) {
		const perSecond = await clients.open(step, 16);
		const withThem = await figures(machine.console);
		await report("idle WebSockets", {
			[`with ${made}`]: { perSecond, ...withThem },
		});
	}
	t.pass();
});

test.serial("the connections and the manager work", async (t) => {
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

/** Returns the use of memory, in kilobytes. */
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
		/** Kernel memory, including all sockets and their files. */
		slab: await sum("Slab", "/proc/meminfo"),
	};
}
