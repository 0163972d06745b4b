import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

const machine = runningContainer(test, "console-settings");
const settings = "/mnt/sda2/system/network";

test.serial("setip --help lists the options", async (t) => {
	await machine.console.login(...logins.root);
	const help = await outputOf(machine.console, "setip --help");
	for (const option of ["addr", "mask", "gateway", "dns1", "dns2", "dhcp"])
		t.true(help.includes(`--${option}`), option);
});

for (const mistake of [
	"--addr=10.0.2.300 --mask=255.255.255.0",
	"--addr=10.0.2.77",
	"--addr=10.0.2.77 --mask=255.0.255.0",
	"--addr=10.0.2.77/24 --mask=255.255.0.0",
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

test.serial("setip accepts a router outside of a /32", async (t) => {
	await outputOf(
		machine.console,
		"setip --addr=192.0.2.7/32 --gateway=172.31.1.1 --dns1=172.31.1.1",
	);
	t.regex(
		await outputOf(machine.console, "ip route"),
		/default via 172\.31\.1\.1 dev eth0 onlink/,
	);
});

test.serial("setip sets a fixed address at once", async (t) => {
	await outputOf(
		machine.console,
		"setip --addr=10.0.2.77/24 --gateway=10.0.2.2 --dns1=10.0.2.3 --dns2=192.0.2.53",
	);
	t.regex(await addresses(), /^10\.0\.2\.77\/24$/);
	const port = await machine.forward("10.0.2.77", 22);
	const ssh = await machine.ssh(...logins.admin, { port });
	t.is((await outputOf(ssh, "whoami")).trim(), "admin");
	ssh.close();
});

test.serial("the host name is read from /etc/hostname", async (t) => {
	const sudo = "cd / && sudo -u postgres whoami";
	await outputOf(machine.console, "echo gateway-1.example.com > /etc/hostname");
	t.is((await outputOf(machine.console, sudo)).trim(), "postgres");
	await outputOf(machine.console, "/etc/init.d/S02system restart");
	t.is((await outputOf(machine.console, "hostname")).trim(), "gateway-1");
	t.is(
		(await outputOf(machine.console, "hostname -f")).trim(),
		"gateway-1.example.com",
	);
	t.is((await outputOf(machine.console, sudo)).trim(), "postgres");
	await outputOf(machine.console, "hostname another");
	t.is((await outputOf(machine.console, sudo)).trim(), "postgres");
	// Windows line ends; sed replaces the link /etc/hosts with a file that has the administrator's line.
	await outputOf(
		machine.console,
		`printf 'Gateway-2\\r\\n' > /etc/hostname
		sed -i '$a 192.0.2.9 nas' /etc/hosts`,
	);
});

test.serial(
	"files set the NTP and DNS servers and the time zone",
	async (t) => {
		await outputOf(
			machine.console,
			`printf '%s\\n' '# ours' 'bad_name' 192.0.2.123 > /mnt/sda2/system/ntp
		/etc/init.d/S60chrony restart`,
		);
		t.regex(
			await outputOf(machine.console, "chronyc -n sources"),
			/192\.0\.2\.123/,
		);
		await outputOf(
			machine.console,
			`printf '%s\\r\\n' 192.0.2.54 nonsense > /mnt/sda2/system/dns
		/etc/init.d/S40network restart`,
		);
		const resolver = await outputOf(machine.console, "cat /etc/resolv.conf");
		t.regex(resolver, /192\.0\.2\.53\nnameserver 192\.0\.2\.54$/m);
		t.notRegex(resolver, /nonsense/);
		await outputOf(
			machine.console,
			"echo Europe/Berlin > /mnt/sda2/system/timezone",
		);
	},
);

test.serial("all these settings survive a restart", async (t) => {
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
		/10\.0\.2\.3\n.*192\.0\.2\.53\n.*192\.0\.2\.54/,
	);
	t.is((await outputOf(machine.console, "hostname")).trim(), "gateway-2");
	const names = await outputOf(machine.console, "getent hosts gateway-2 nas");
	t.regex(names, /^127\.0\.1\.1\s+gateway-2$/m);
	t.regex(names, /^192\.0\.2\.9\s+nas$/m);
	t.regex(await outputOf(machine.console, "ls -l /etc/hosts"), /sda2/);
	t.regex(await outputOf(machine.console, "date"), /CES?T/);
	t.regex(
		await outputOf(machine.console, "chronyc -n sources"),
		/192\.0\.2\.123/,
	);
});

test.serial("damaged files are named and prevent nothing", async (t) => {
	const output = await outputOf(
		machine.console,
		`cd /mnt/sda2/system
		for file in hostname hosts timezone ntp dns; do
			printf '# \\377\\r\\n=\\0$(reboot) "\\\\\\r\\n' > $file
		done
		/etc/init.d/S02system restart
		/etc/init.d/S40network restart
		/etc/init.d/S60chrony restart
		bash -lc 'date; hostname; getent hosts localhost app-platform'`,
	);
	for (const name of ["hostname", "timezone", "ntp", "dns"])
		t.true(output.includes(name), name);
	t.regex(output, /UTC/);
	t.regex(output, /^app-platform$/m);
	t.regex(output, /^127\.0\.1\.1\s+app-platform$/m);
});

test.serial("an unusable address is reported with the cure", async (t) => {
	const { exitCode, output } = await machine.console.run(
		`printf '%s\\n' MODE=static ADDRESS=999.1.1.1 PREFIX=24 >${settings}
		/etc/init.d/S40network restart`,
	);
	t.not(exitCode, 0);
	t.regex(output, /cannot be used; repair them with setip/);
});

test.serial("setip --dhcp switches back to DHCP", async (t) => {
	await outputOf(machine.console, "setip --dhcp");
	// On a busy host the DHCP answer may arrive after setip has stopped waiting.
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
