import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

// A hypervisor gives a running machine more memory. Costs a start of a minute.
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
	t.regex(await loginPage(machine), /App Platform/);
});
