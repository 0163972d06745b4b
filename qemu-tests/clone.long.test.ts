import test from "ava";
import {
	type Disk,
	type Machine,
	machineForTests,
	overlayOn,
	timeLimit,
} from "./machine/index.ts";
import {
	livedInDisk,
	livedInState,
	ownLogins,
	without,
} from "./system/lived-in/index.ts";
import { loginPage, outputOf, setLoginsOf, switchOff } from "./system/steps.ts";

// A machine with an owner's data, its clone in a hypervisor, and one made from a template. The keys are among its files.
const minute = 60_000;
const uuid = "a1b2c3d4-0001-4000-8000-00000000000a";
/** The same in the byte order of SMBIOS 2.4. */
const swappedUuid = "d4c3b2a1-0100-0040-8000-00000000000a";
const settings = "/mnt/sda2/system";

const original = machineOn(
	overlayOn(async () => (await livedInDisk()).disk),
	{ name: "original", uuid },
);
const copy = overlayOn(async () => {
	const [disk] = await original.disks();
	if (!disk) throw new Error("The original has no disk");
	return disk;
});
const clone = machineOn(copy, {
	name: "clone",
	uuid: "a1b2c3d4-0002-4000-8000-00000000000b",
});
const fromTemplate = machineOn(copy, { name: "from-template" });
let keys: Record<string, string>;

function machineOn(
	disk: Disk,
	options: { name: string; uuid?: string },
): Machine {
	const machine = machineForTests(test, { ...options, disks: [disk] });
	setLoginsOf(machine, ownLogins);
	return machine;
}

async function start(machine: Machine): Promise<void> {
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
}

/** Returns checksums of everything with which a machine proves who it is. */
async function keysOf({ console }: Machine): Promise<Record<string, string>> {
	const sums = await outputOf(
		console,
		`cd ${settings} && sha256sum ssh/* webserver/default.pem manager/password.key`,
	);
	return Object.fromEntries(
		[...sums.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm)].map(([, sum, file]) => [
			String(file),
			String(sum),
		]),
	);
}

test.serial("the original keeps its keys when it restarts", async (t) => {
	t.timeout(timeLimit(30 * minute));
	await start(original);
	keys = await keysOf(original);
	t.is(Object.keys(keys).length, 5);
	// As if the virtual hardware had been upgraded.
	await outputOf(
		original.console,
		`echo ${swappedUuid} >${settings}/system-uuid`,
	);
	await switchOff(original);
	await start(original);
	t.deepEqual(await keysOf(original), keys);
	t.is(
		(await outputOf(original.console, `cat ${settings}/system-uuid`)).trim(),
		uuid,
	);
	await switchOff(original);
});

test.serial(
	"a clone gets keys of its own, once, and keeps the rest",
	async (t) => {
		t.timeout(timeLimit(30 * minute));
		const { state } = await livedInDisk();
		await start(clone);
		const own = await keysOf(clone);
		t.deepEqual(Object.keys(own), Object.keys(keys));
		for (const [file, sum] of Object.entries(own)) t.not(sum, keys[file], file);
		t.regex(
			await outputOf(clone.console, "grep 'is a copy' /var/log/messages"),
			/new keys for SSH/,
		);
		t.deepEqual(
			await livedInState(clone, "homeFiles"),
			without(state, "homeFiles"),
		);
		// The manager has sealed everything with the new key.
		await outputOf(
			clone.console,
			`while [ -e ${settings}/manager/password.key.old ]; do sleep 1; done`,
			{ timeoutMs: 2 * minute },
		);
		await switchOff(clone);
		await start(clone);
		t.deepEqual(await keysOf(clone), own);
		await clone.discard();
	},
);

test.serial("a machine that was made from a template, too", async (t) => {
	t.timeout(timeLimit(30 * minute));
	const { state } = await livedInDisk();
	await start(original);
	const off = original.waitForPowerOff();
	original.console.send("prepare-template\n");
	await original.console.expect(/Switch off now\? \[y\/N\] /);
	original.console.send("y\n");
	await off;
	await start(fromTemplate);
	const own = await keysOf(fromTemplate);
	for (const [file, sum] of Object.entries(own)) t.not(sum, keys[file], file);
	t.deepEqual(
		await livedInState(fromTemplate, "homeFiles"),
		without(state, "homeFiles"),
	);
});
