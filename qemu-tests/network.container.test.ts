import test from "ava";
import { eventually, Lan, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { loginPage, logins, outputOf, rootBySsh } from "./system/steps.ts";

// DHCP options, IPv6, several network cards and addresses on trial, on a machine with a DHCP server whose options
// change. Costs some 110 s, 60 of them for the time of a trial.
const minute = 60_000;
const dns6 = "2001:db8:5::1";
const lan = new Lan({
	configuration: [
		"enable-ra",
		"ra-param=lan,5,1800",
		"dhcp-range=2001:db8:5::,ra-stateless",
		`dhcp-option=option6:dns-server,[${dns6}]`,
		"dhcp-option=option6:domain-search,six.example.com",
		"address=/pbx.example.com/192.0.2.9",
		"address=/pbx.six.example.com/192.0.2.6",
		"interface=lan2",
		"dhcp-range=set:lan2,10.9.0.50,10.9.0.99",
		"dhcp-option=tag:lan2,3,10.9.0.1",
	],
});
const machine = runningContainer(test, "network", { lan });
const first = "52:54:00:12:34:56";
const second = "56:54:00:12:34:56";

const root = (command: string) => outputOf(machine.console, command);

/** Waits until the output of a command matches, or no longer matches. */
const eventuallyShows = (command: string, expected: RegExp, matches = true) =>
	eventually(
		`${command} shows ${matches ? "" : "not "}${expected}`,
		async () => {
			const { output } = await machine.console.run(command);
			return expected.test(output) === matches ? output : undefined;
		},
	);

test.serial(
	"without DHCP's NTP servers, the default ones are used",
	async (t) => {
		await machine.console.login(...logins.root);
		t.regex(
			await root("cat /run/network/time/*.sources"),
			/^pool 2\.debian\.pool\.ntp\.org iburst maxpoll 6 maxsamples 4$/m,
		);
	},
);

test.serial(
	"DHCP's routes, MTU, NTP servers and domains are used",
	async (t) => {
		await lan.setDhcpOptions([
			"3,10.0.2.2",
			"121,198.51.100.0/24,10.0.2.4,0.0.0.0/0,10.0.2.3",
			"26,1400",
			"42,192.0.2.5",
			"119,example.com,lab.example.org",
		]);
		await root("dhcpcd --rebind eth0");
		const routes = await eventuallyShows("ip route", /198\.51\.100\.0/);
		t.regex(routes, /^198\.51\.100\.0\/24 via 10\.0\.2\.4 dev eth0/m);
		// Option 121 replaces option 3.
		t.regex(routes, /^default via 10\.0\.2\.3 dev eth0/m);
		t.is([...routes.matchAll(/^default/gm)].length, 1);
		await eventuallyShows("ip link show eth0", /mtu 1400/);
		await eventuallyShows(
			"cat /etc/resolv.conf",
			/^search .*\bexample\.com lab\.example\.org/m,
		);
		t.regex(await root("chronyc -n sources"), /192\.0\.2\.5/);
		t.regex(await root("getent hosts pbx"), /192\.0\.2\.9/);
	},
);

test.serial("routes that the next lease lacks are removed", async (t) => {
	await lan.setDhcpOptions(["3,10.0.2.2"]);
	await root("dhcpcd --rebind eth0");
	const routes = await eventuallyShows("ip route", /default via 10\.0\.2\.2/);
	t.notRegex(routes, /198\.51\.100\.0/);
	await eventuallyShows("ip link show eth0", /mtu 1500/);
	t.notRegex(await root("cat /etc/resolv.conf"), /lab\.example/);
	await eventuallyShows("chronyc -n sources", /192\.0\.2\.5/, false);
});

test.serial("setip --show describes the network", async (t) => {
	await eventuallyShows("setip --show", /2001:db8:5:/);
	const shown = await root("setip --show");
	for (const expected of [
		new RegExp(`^eth0 \\(${first}\\): link is up$`, "m"),
		/10\.0\.2\.15\/24 \(DHCP\)/,
		/IPv4 gateway +10\.0\.2\.2/,
		/2001:db8:5:.*\/64 \(from the router\)/,
		/^DNS servers: +10\.0\.2\.2 2001:db8:5::1 $/m,
		/^Time servers: +2\.debian\.pool\.ntp\.org $/m,
		/^Host name: +app-platform$/m,
		/^Manager: +https:\/\/10\.0\.2\.15\/manager\/ https:\/\/\[2001:db8:5:/m,
	])
		t.regex(shown, expected);
});

test.serial("a lease is lost with the link and returns", async (t) => {
	lan.setServer("off");
	await machine.plug("out");
	await eventuallyShows("ip -4 address show eth0", /inet/, false);
	await eventuallyShows("cat /run/issue", /eth0 \(.*\): NO LINK/);
	await machine.plug("in");
	await eventuallyShows("setip --show", /link is up/);
	t.notRegex(await root("cat /etc/resolv.conf"), /nameserver/);
	lan.setServer("on");
	await eventuallyShows("ip route", /default via 10\.0\.2\.2/);
	t.regex(await eventuallyShows("cat /etc/resolv.conf", /10\.0\.2\.2/), /./);
});

test.serial("on a network with IPv6 only, names are resolved", async (t) => {
	const table = "table netdev ipv6_only";
	await lan.inside(
		"/usr/sbin/nft",
		`${table} { chain c { type filter hook ingress device port0 priority 0; meta protocol { ip, arp } drop; }; }`,
	);
	await machine.plug("out");
	await eventuallyShows("ip -4 address show eth0", /inet/, false);
	await machine.plug("in");
	const resolver = await eventuallyShows(
		"cat /etc/resolv.conf",
		/nameserver 2001:db8:5::1/,
	);
	t.regex(resolver, /^search six\.example\.com$/m);
	t.notRegex(resolver, /10\.0\.2/);
	t.regex(await root("getent hosts pbx"), /192\.0\.2\.6/);
	const page = /https:\/\/\[2001:db8:5:[0-9a-f:]+\]\/manager\//;
	await eventuallyShows("cat /run/issue", page);
	t.regex(await root("setip --show"), page);
	await lan.inside("/usr/sbin/nft", `delete ${table}`);
	await eventuallyShows("ip route", /default via 10\.0\.2\.2/);
});

test.serial("setip sets IPv6 servers and a fixed IPv6 address", async (t) => {
	await root("setip --dns1=2001:db8::53");
	await eventuallyShows(
		"cat /etc/resolv.conf",
		/nameserver 2001:db8::53\nnameserver 10\.0\.2\.2/,
	);
	await root("setip --addr6=2001:db8::10/64 --gateway6=fe80::1");
	t.is(
		await root(
			"ip -6 -o address show dev eth0 scope global | awk '{print $4}'",
		),
		"2001:db8::10/64\n",
	);
	t.regex(
		await root("ip -6 route show default"),
		/^default via fe80::1 dev eth0/,
	);
	t.regex(await root("ip -6 route show dev eth0"), /^fe80::\/64 /m);
	await root("setip --addr6=auto");
	await eventuallyShows(
		"ip -6 address show dev eth0 scope global",
		/2001:db8:5:0:5054:ff:fe12:3456/,
	);
	const settings = await root("ip -6 address; ip -6 route; setip --show");
	t.notRegex(settings, /2001:db8::10|via fe80::1 /);
	t.regex(settings, /DNS servers: +2001:db8::53 /);
});

test.serial("setip sets a gateway outside the network", async (t) => {
	await root("ip route add 203.0.113.0/24 dev eth0 proto dhcp");
	const output = await root("setip --addr=192.0.2.7/32 --gateway=172.31.1.1");
	t.notRegex(output, /invalid/);
	t.is(await root("ip route"), "default via 172.31.1.1 dev eth0 onlink \n");
	await root("setip --dhcp --dns1=192.0.2.1");
	await eventuallyShows("ip route", /^default via 10\.0\.2\.2 /m);
	await eventuallyShows(
		"cat /etc/resolv.conf",
		/nameserver 192\.0\.2\.1\nnameserver 10\.0\.2\.2/,
	);
	await root("setip --dhcp");
});

test.serial("setip sets a host name and time servers", async (t) => {
	await root("setip --hostname=gateway-1.example.com");
	t.is((await root("hostname -f")).trim(), "gateway-1.example.com");
	await root("setip --ntp=0.pool.ntp.org,192.0.2.123");
	t.regex(await root("chronyc -n sources"), /192\.0\.2\.123/);
	await root("setip --hostname=app-platform --ntp=none");
	t.notRegex(await root("setip --show"), /192\.0\.2\.123|gateway-1/);
});

test.serial("setip refuses a card that does not exist", async (t) => {
	const { exitCode, output } = await machine.console.run(
		"setip --interface=eth1 --dhcp",
	);
	t.is(exitCode, 2);
	t.regex(output, /no network card eth1; there are: eth0/);
});

test.serial("addresses set over SSH return without confirmation", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const old = await root("cat /mnt/sda2/system/network");
	const { ssh, terminal } = await rootBySsh(machine);
	terminal.send("setip --addr=10.0.2.77/24 --gateway=10.0.2.2\n");
	await terminal.expect(/return in 60 seconds[\s\S]*setip --confirm/);
	await eventuallyShows("ip address", /10\.0\.2\.77\/24/);
	ssh.close();
	t.is(await root("cat /mnt/sda2/system/network"), old);
	t.regex(await root("setip --show"), /ON TRIAL/);
	const since = Date.now();
	await eventually(
		"the address of before",
		async () =>
			/10\.0\.2\.15\/24/.test(await root("ip address")) ? true : undefined,
		{ timeoutMs: 2 * minute },
	);
	t.true(Date.now() - since > 40_000);
	await loginPage(machine);
	const { exitCode, output } = await machine.console.run("setip --confirm");
	t.not(exitCode, 0);
	t.regex(output, /no addresses on trial/);
});

test.serial("addresses set over SSH are kept when confirmed", async (t) => {
	const { ssh, terminal } = await rootBySsh(machine);
	terminal.send("setip --addr=10.0.2.77/24 --gateway=10.0.2.2\n");
	await eventuallyShows("ip address", /10\.0\.2\.77\/24/);
	ssh.close();
	const port = await machine.forward("10.0.2.77", 22);
	(await machine.ssh(...logins.admin, { port })).close();
	await root("setip --confirm");
	t.regex(await root("cat /mnt/sda2/system/network"), /ADDRESS=10\.0\.2\.77/);
	await root("setip --dhcp");
	await eventuallyShows("ip address", /10\.0\.2\.15\/24/);
});

test.serial(
	"a restart ends a trial; a new card in front, and one without a link, change nothing",
	async (t) => {
		t.timeout(timeLimit(5 * minute));
		const { ssh, terminal } = await rootBySsh(machine);
		terminal.send("setip --addr=10.0.2.77/24 --gateway=10.0.2.2\n");
		await eventuallyShows("ip address", /10\.0\.2\.77\/24/);
		ssh.close();
		await machine.shutdown();
		machine.cards = ["lan2", "unplugged"];
		await machine.boot();
		await machine.console.login(...logins.root);
		t.is(
			await root("cat /mnt/sda2/system/cards"),
			`${first} eth0\n${second} eth1\n`,
		);
		t.regex(await root("ip link show eth0"), new RegExp(first));
		// The second card is the way out until the first has a link.
		await eventuallyShows("ip route", /^default via 10\.9\.0\.1 dev eth1/m);
		t.regex(await root("setip --show"), /^eth0 .*NO LINK$/m);
		await machine.plug("in");
		await eventuallyShows("ip address show eth0", /10\.0\.2\.15\/24/);
		t.regex(await root("ip route get 192.0.2.1"), /dev eth0/);
		await loginPage(machine);
	},
);

test.serial("setip configures the second card", async (t) => {
	await root("setip --interface=eth1 --dhcp --gateway=none");
	await eventuallyShows("ip address show eth1", /10\.9\.0\.\d+\/24/);
	t.notRegex(await root("ip route show default"), /eth1/);
	await root("setip --interface=eth1 --addr=10.9.0.7/24");
	t.regex(await root("ip address show eth1"), /10\.9\.0\.7\/24/);
	await root("ping -c 1 -W 5 10.9.0.1");
	const routes = await eventuallyShows("ip route show default", /dev eth0/);
	t.notRegex(routes, /dev eth1/);
	await root("setip --interface=eth1 --off");
	t.notRegex(await root("ip address show eth1"), /inet /);
	t.regex(await root("setip --show"), /^eth1 .*\n {2}disabled$/m);
});
