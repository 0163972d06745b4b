import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { $ } from "zx";
import { sweepLeftovers } from "./machine/container/host.ts";
import { Lan } from "./machine/container/lan.ts";
import { eventually, timeLimit } from "./machine/time.ts";
import { machineTests } from "./machine-tests.ts";
import { installedContainer, runningContainer } from "./system/base.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

const machine = runningContainer(test, "container");

machineTests(test, machine);

test.serial("restarts by the reboot command and reset button", async (t) => {
	await outputOf(machine.console, "touch /mnt/sda2/kept");
	machine.console.send("reboot\n");
	await machine.waitForReboot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	await outputOf(machine.console, "rm /mnt/sda2/kept; sync");
	await machine.reset();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.not((await machine.console.run("test -e /mnt/sda2/kept")).exitCode, 0);
});

test.serial("a container cannot change the host", async (t) => {
	const hostName = readFileSync("/proc/sys/kernel/hostname", "utf8");
	for (const command of [
		// date prints an error, but exits with 0.
		"date -s 2001-01-01; [ $(date +%Y) = 2001 ]",
		"echo x >/proc/sys/kernel/core_pattern",
		"sysctl -w vm.swappiness=1",
		"dmesg -c",
	])
		t.not((await machine.console.run(command)).exitCode, 0, command);
	await outputOf(machine.console, "hostname another");
	t.is(readFileSync("/proc/sys/kernel/hostname", "utf8"), hostName);
	await outputOf(machine.console, "hostname app-platform");
});

test.serial("the power button switches a container off", async (t) => {
	await machine.shutdown();
	t.throws(() => machine.console, { message: /is off/ });
	await machine.boot();
	await loginPage(machine);
	t.pass();
});

test.serial(
	"two containers reach each other while both are connected",
	async (t) => {
		t.timeout(timeLimit(3 * 60_000));
		const lan = new Lan();
		const names = ["one", "two"];
		const pair = names.map((name) =>
			installedContainer({ name: `container-${name}`, lan }),
		);
		t.teardown(async () => {
			for (const each of pair) await each.discard();
			lan.stop();
		});
		for (const each of pair) await each.boot();
		for (const each of pair) await loginPage(each);
		const [one, two] = pair;
		if (!one || !two) return t.fail();
		await one.console.login(...logins.root);
		const ping = () => one.console.run("ping -c 1 -W 2 10.0.2.16");
		t.is((await ping()).exitCode, 0);
		await two.plug("out");
		t.not((await ping()).exitCode, 0);
		await two.plug("in");
		await eventually("the second container answers again", async () =>
			(await ping()).exitCode === 0 ? true : undefined,
		);

		const received = async (packets: string) => {
			const ping = `ping -q -i 0.01 -c ${packets} 10.0.2.16`;
			const { output } = await one.console.run(ping, { timeoutMs: 60_000 });
			return Number(/(\d+) (?:packets )?received/.exec(output)?.[1]);
		};
		await two.setLinkFaults({ lossPercent: 30 });
		const lossy = await received("100");
		// Requests and answers are lost: half of the pings.
		t.true(20 < lossy && lossy < 80, `${lossy} of 100`);
		await two.setLinkFaults({ kilobytesPerSecond: 20 });
		const slow = await received("500 -s 1000");
		t.true(0 < slow && slow < 400, `${slow} of 500`);
		await two.setLinkFaults({});
		t.is(await received("100"), 100);
	},
);

test.serial("a killed test run leaves nothing behind", async (t) => {
	t.timeout(timeLimit(3 * 60_000));
	const program = `
		import { installedContainer } from "${import.meta.dirname}/system/base.ts";
		import { loginPage } from "${import.meta.dirname}/system/steps.ts";
		import { Lan } from "${import.meta.dirname}/machine/container/lan.ts";
		const machine = installedContainer({ name: "container-killed", lan: new Lan() });
		await machine.boot();
		await loginPage(machine);
		console.log("up");`;
	const child = spawn(
		process.execPath,
		["--import=tsx", "--input-type=module", "--eval", program],
		{ stdio: ["ignore", "pipe", "inherit"] },
	);
	await once(child.stdout, "data");
	const own = `app-platform-vm-${child.pid}-`;
	t.true((await leftoversOf(own)).length > 0);
	child.kill("SIGKILL");
	await once(child, "close");
	await eventually("the processes and loop devices are gone", async () =>
		(await leftoversOf(own)).length === 0 ? true : undefined,
	);
	await sweepLeftovers();
	const groups = /^\S+ (\S+) cgroup2 /m.exec(
		readFileSync("/proc/self/mounts", "utf8"),
	)?.[1];
	const names = readdirSync(String(groups));
	t.deepEqual(
		names.filter((name) => name.startsWith(own)),
		[],
	);
});

/** Returns processes and loop devices of a process's machines. */
async function leftoversOf(name: string): Promise<string[]> {
	const quiet = $({ quiet: true, nothrow: true });
	const { stdout: processes } = await quiet`pgrep --full --list-full ${name}`;
	const { stdout: loops } = await quiet`losetup --list --noheadings --raw`;
	const lines = `${processes}${loops}`.split("\n");
	return lines.filter((line) => line.includes(name));
}
