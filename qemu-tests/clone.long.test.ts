import test from "ava";
import { machineForTests, overlayOn, timeLimit } from "./machine/index.ts";
import {
	livedInDisk,
	livedInState,
	ownLogins,
} from "./system/lived-in/index.ts";
import { report } from "./system/report.ts";
import { loginPage, outputOf, setLoginsOf } from "./system/steps.ts";

// Two machines on copies of one disk, as cloned in a hypervisor.
const minute = 60_000;
const machines = ["clone-1", "clone-2"].map((name) =>
	machineForTests(test, {
		name,
		disks: [overlayOn(async () => (await livedInDisk()).disk)],
	}),
);
for (const machine of machines) setLoginsOf(machine, ownLogins);

for (const machine of machines)
	test.serial(`${machine.name} has the state of the original`, async (t) => {
		t.timeout(timeLimit(30 * minute));
		const { state } = await livedInDisk();
		await machine.boot();
		await loginPage(machine);
		t.deepEqual(await livedInState(machine), state);
	});

test.serial("both run at once; the report lists what they share", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const found = [];
	for (const { console } of machines) {
		await console.login(...ownLogins.root);
		found.push({
			machineId: await outputOf(console, "cat /etc/machine-id 2>&1; true"),
			hostKeys: await outputOf(
				console,
				"cd /mnt/sda2/system/ssh && sha256sum *",
			),
			databaseSystem: await outputOf(
				console,
				"psql -d manager -Atc 'SELECT system_identifier FROM pg_control_system()'",
			),
			addresses: await outputOf(console, "ip -o address show dev eth0"),
		});
	}
	const [one, other] = found;
	const same = Object.entries(one ?? {}).map(([what, value]) => [
		what,
		value === other?.[what as keyof typeof other],
	]);
	await report("what clones of a disk have in common", {
		...Object.fromEntries(same),
	});
	t.pass();
});
