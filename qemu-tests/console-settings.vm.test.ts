import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

const machine = runningMachine(test, "console-settings");
const settings = "/mnt/sda2/system/network";

test.serial("setip tells how it is used", async (t) => {
	await machine.console.login(...logins.root);
	const help = await outputOf(machine.console, "setip --help");
	for (const option of ["addr", "mask", "gateway", "dns1", "dns2", "dhcp"])
		t.true(help.includes(`--${option}`), option);
});

for (const mistake of [
	"--addr=10.0.2.300 --mask=255.255.255.0",
	"--addr=10.0.2.77",
	"--addr=10.0.2.77 --mask=255.0.255.0",
	"--addr=10.0.2.77 --mask=255.255.255.0 --gateway=192.0.2.1",
	"--addr=10.0.2.77 --mask=255.255.255.0 --dns1=nonsense",
	"--adr=10.0.2.77 --mask=255.255.255.0",
	"",
])
	test.serial(`"setip ${mistake}" changes nothing`, async (t) => {
		const state = `cat ${settings}; ip -4 -o address show eth0 | awk '{ print $4 }'`;
		const before = await outputOf(machine.console, state);
		const { exitCode, output } = await machine.console.run(`setip ${mistake}`);
		t.not(exitCode, 0);
		t.regex(output, /setip:/);
		t.is(await outputOf(machine.console, state), before);
	});

test.serial("setip gives a fixed address at once", async (t) => {
	await outputOf(
		machine.console,
		"setip --addr=10.0.2.77 --mask=255.255.255.0 --gateway=10.0.2.2 --dns1=10.0.2.3 --dns2=192.0.2.53",
	);
	t.regex(await addresses(), /^10\.0\.2\.77\/24$/);
	const port = await machine.forward("10.0.2.77", 22);
	const ssh = await machine.ssh(...logins.admin, { port });
	t.is((await outputOf(ssh, "whoami")).trim(), "admin");
	ssh.close();
});

test.serial("loadkeys changes the keyboard", async (t) => {
	await outputOf(machine.console, "loadkeys de");
	t.regex(await outputOf(machine.console, "dumpkeys"), /keycode +21 = \+?z/);
});

test.serial("loadkeys does not know every keyboard", async (t) => {
	t.not((await machine.console.run("loadkeys nowhere")).exitCode, 0);
	t.regex(await outputOf(machine.console, "dumpkeys"), /keycode +21 = \+?z/);
});

test.serial("address, DNS and keyboard survive a restart", async (t) => {
	t.timeout(timeLimit(5 * 60_000));
	machine.console.send("reboot\n");
	await machine.waitForReboot();
	await machine.console.login(...logins.root);
	t.regex(await addresses(), /^10\.0\.2\.77\/24$/);
	t.regex(
		await outputOf(machine.console, "ip route"),
		/default via 10\.0\.2\.2/,
	);
	t.regex(
		await outputOf(machine.console, "cat /etc/resolv.conf"),
		/10\.0\.2\.3\n.*192\.0\.2\.53/,
	);
	t.regex(await outputOf(machine.console, "dumpkeys"), /keycode +21 = \+?z/);
});

test.serial("setip --dhcp goes back to an address by DHCP", async (t) => {
	await outputOf(machine.console, "setip --dhcp");
	// On a busy host the answer may come after setip stopped waiting for it.
	await eventually("the address by DHCP", async () =>
		(await addresses()) === "10.0.2.15/24" ? true : undefined,
	);
	t.regex(await loginPage(machine), /App Platform/);
});

async function addresses(): Promise<string> {
	const shown = await outputOf(
		machine.console,
		"ip -4 -o address show eth0 | awk '{ print $4 }'",
	);
	return shown.trim();
}
