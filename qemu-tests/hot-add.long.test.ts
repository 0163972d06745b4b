import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

// A hypervisor gives a running machine more memory and another processor. Costs a start of a minute.
const minute = 60_000;
const machine = installedMachine(test, { name: "hot-add", canGrow: true });

const number = async (command: string) =>
	Number(await outputOf(machine.console, command));

test.serial("added memory is used at once", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	const total = "awk '/MemTotal/ { print $2 }' /proc/meminfo";
	const before = await number(total);
	await machine.qmp.execute("object-add", {
		...{ "qom-type": "memory-backend-ram", id: "more", size: 512 << 20 },
	});
	await machine.qmp.execute("device_add", {
		...{ driver: "pc-dimm", id: "dimm", memdev: "more" },
	});
	const after = await eventually("the memory is there", async () => {
		const now = await number(total);
		return now > before ? now : undefined;
	});
	t.is(after - before, 512 << 10);
	t.like(await loginPage(machine), { status: 200 });
});

test.serial("an added processor is used when it is enabled", async (t) => {
	t.timeout(timeLimit(5 * minute));
	t.is(await number("nproc"), 1);
	const slots = (await machine.qmp.execute("query-hotpluggable-cpus")) as {
		type: string;
		props: Record<string, number>;
		"qom-path"?: string;
	}[];
	const free = slots.find((slot) => slot["qom-path"] === undefined);
	await machine.qmp.execute("device_add", {
		...{ driver: free?.type, id: "cpu", ...free?.props },
	});
	// As documented.
	const enable = "echo 1 > /sys/devices/system/cpu/cpu1/online";
	await eventually("the processor is there", async () => {
		const { exitCode } = await machine.console.run(`( ${enable} )`);
		return exitCode === 0 || undefined;
	});
	t.is(await number("nproc"), 2);
});
