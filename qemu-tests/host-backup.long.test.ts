import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { $ } from "zx";
import {
	type Console,
	existingDisk,
	machineForTests,
	temporaryDirectory,
	timeLimit,
} from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import {
	loginPage,
	logins,
	managerSession,
	outputOf,
	switchOff,
} from "./system/steps.ts";

// A hypervisor freezes the file systems for a backup while the machine writes. Costs some six minutes.
const minute = 60_000;
const machine = installedMachine(test, {
	...{ name: "host-backup", guestAgent: "virtio" },
});
const directory = temporaryDirectory();
test.after.always(() => directory.remove());
const copyPath = join(directory.path, "copy.qcow2");
const copy = machineForTests(test, {
	name: "host-backup-copy",
	disks: [existingDisk({ path: copyPath, format: "qcow2" })],
});

/** Inserts numbers without gaps, one per transaction, until the file is deleted. */
const writer = `touch /run/writing
	psql -q -d postgres -c 'CREATE TABLE written (number serial)'
	while [ -e /run/writing ]; do
		psql -q -d postgres -c 'INSERT INTO written DEFAULT VALUES' || echo failed >>/run/failed
	done`;

const rows = async (console: Console) => {
	const text = await outputOf(
		console,
		`psql -d postgres -Atc 'SELECT count(*), max(number) FROM written'`,
	);
	return text.trim().split("|").map(Number);
};

/** The processes that a freeze must not restart. */
const services = (console: Console) =>
	outputOf(
		console,
		"for name in postgresql haproxy manager ssh; do cat /run/service/$name/supervise/pid; done",
	);

const freezeStatus = () => machine.agent.call("guest-fsfreeze-status");

async function freeze(seconds: number, meanwhile = async () => {}) {
	const frozen = await machine.agent.call("guest-fsfreeze-freeze");
	const [status] = await Promise.all([
		freezeStatus(),
		meanwhile(),
		delay(seconds * 1000),
	]);
	const thawed = await machine.agent.call("guest-fsfreeze-thaw");
	return { frozen, status, thawed };
}

test.before(async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	await outputOf(
		machine.console,
		`cat >/tmp/writer <<'END'\n${writer}\nEND\nsetsid sh /tmp/writer </dev/null >/dev/null 2>&1 & sleep 5`,
	);
});

test.serial("freezes of 10 and 60 s restart nothing", async (t) => {
	t.timeout(timeLimit(10 * minute));
	const before = await services(machine.console);
	for (const seconds of [10, 60]) {
		const [count = 0] = await rows(machine.console);
		const { frozen, status, thawed } = await freeze(seconds);
		t.true(Number(frozen) >= 2, "sda2 and the root file system are frozen");
		t.is(status, "frozen");
		t.is(thawed, frozen);
		t.is(await freezeStatus(), "thawed");
		t.true(((await rows(machine.console))[0] ?? 0) > count);
	}
	t.is(await services(machine.console), before);
	const failed = await machine.console.run("cat /run/failed");
	t.not(failed.exitCode, 0, failed.output);
	const call = await managerSession(machine);
	const { alarms } = (await call("alarms")) as { alarms: unknown[] };
	t.deepEqual(alarms, []);
});

test.serial("a copy of the frozen disk is consistent", async (t) => {
	t.timeout(timeLimit(15 * minute));
	let atFreeze: (number | undefined)[] = [];
	await freeze(1, async () => {
		const [disk] = await machine.disks();
		// Copies what the guest has written to the running machine's disk.
		await $({
			quiet: true,
		})`qemu-img convert -U -O qcow2 ${String(disk?.path)} ${copyPath}`;
	});
	atFreeze = await rows(machine.console);
	await outputOf(machine.console, "rm /run/writing");
	await copy.boot();
	await loginPage(copy);
	await copy.console.login(...logins.root);
	const [count = 0, last = 0] = await rows(copy.console);
	t.true(count > 0 && last <= (atFreeze[1] ?? 0));
	t.is(count, last, "no transaction is missing");
	const boot = await outputOf(copy.console, "cat /run/boot.log");
	t.notRegex(boot, /FAILED|CANNOT BE USED|e2fsck/);
	await switchOff(copy);
});

test.serial("the host learns what runs, and its disks", async (t) => {
	const info = (await machine.agent.call("guest-get-osinfo")) as {
		"pretty-name"?: string;
	};
	t.regex(String(info["pretty-name"]), /^App Platform/);
	const disks = (await machine.agent.call("guest-get-fsinfo")) as {
		mountpoint: string;
	}[];
	t.true(disks.some(({ mountpoint }) => mountpoint === "/mnt/sda2"));
	await machine.agent.call("guest-fstrim", {}, { timeoutMs: minute });
	await machine.discard();
});
