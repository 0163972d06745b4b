import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
test.after.always(() => host.remove());

const zones: readonly (readonly [string, string, number])[] = [
	["Europe/Berlin\n", "Europe/Berlin", 0],
	["Europe/Berlin", "Europe/Berlin", 0],
	[" Europe/Berlin \r\n", "Europe/Berlin", 0],
	["# ours\n\n:Europe/Berlin # summer time too\nUTC\n", "Europe/Berlin", 0],
	["CET-1CEST,M3.5.0,M10.5.0/3\n", "CET-1CEST,M3.5.0,M10.5.0/3", 0],
	["Europe/Nowhere\n", "UTC", 1],
	["Europe\n", "UTC", 1],
	["../../../etc/passwd\n", "UTC", 1],
	["/usr/share/zoneinfo/Europe/Berlin\n", "UTC", 1],
	["Berlin; reboot\n", "UTC", 1],
	["", "UTC", 1],
];

for (const [text, zone, exitCode] of zones)
	test(`time zone ${JSON.stringify(text)} is ${zone}`, (t) => {
		host.write("zones/Europe/Berlin", "");
		host.write("zone", text);
		t.deepEqual(host.run("time-zone", "ZONES=zones; time_zone zone"), {
			exitCode,
			output: zone,
		});
	});

test("without a time zone file, the time zone is UTC", (t) => {
	t.is(host.run("time-zone", "time_zone nowhere || true").output, "UTC");
});

const servers: readonly (readonly [string, string, string, RegExp?])[] = [
	["dns", "192.0.2.1\n2001:db8::1\n", "192.0.2.1 2001:db8::1"],
	["dns", "192.0.2.1, 192.0.2.2\r\n# 192.0.2.3\n", "192.0.2.1 192.0.2.2"],
	["dns", "nameserver 192.0.2.1 # ours\n\n192.0.2.1", "192.0.2.1"],
	["dns", "dns.example.com\n192.0.2.1\n", "192.0.2.1", /"dns\.example\.com"/],
	["ntp", "0.pool.ntp.org\n192.0.2.1", "0.pool.ntp.org 192.0.2.1"],
	["ntp", "server ntp.example.com iburst minpoll 6\r\n", "ntp.example.com"],
	[
		"ntp",
		"pool ntp.example.com\n192.0.2.1 prefer\n",
		"ntp.example.com 192.0.2.1",
	],
	[
		"ntp",
		"ntp_1.example.com\n192.0.2.1\n",
		"192.0.2.1",
		/"ntp_1\.example\.com"/,
	],
	["ntp", "192.0.2.1 port 11123 iburst", "192.0.2.1 port 11123"],
	["ntp", "server a.example.com port 1 b", "a.example.com port 1"],
	["ntp", "192.0.2.1 port 1e9\n192.0.2.2", "192.0.2.2", /port 1e9/],
	["dns", "192.0.2.1 port 53", "192.0.2.1", /"53"/],
	["ntp", "", ""],
];

for (const [kind, text, expected, complaint] of servers)
	test(`${kind} ${JSON.stringify(text)} names "${expected}"`, (t) => {
		host.write("mnt/sda2/system/network", "MODE=static\n");
		host.write(`mnt/sda2/system/${kind}`, text);
		const { output } = host.run(
			"network",
			`servers ${kind} 2>complaints || true; cat complaints`,
		);
		const lines = output.split("\n");
		t.is(lines.filter((line) => !line.includes("ignored")).join(" "), expected);
		if (complaint) t.regex(lines.at(-1) ?? "", complaint);
		else t.false(output.includes("ignored"));
	});

test("without a DHCP lease, the servers of the file are used", (t) => {
	host.write("mnt/sda2/system/network", "MODE=dhcp\n");
	host.write("mnt/sda2/system/ntp", "192.0.2.1\n");
	t.is(host.run("network", "servers ntp").output, "192.0.2.1");
});

test("servers and domains of all interfaces are used, but no invalid ones", (t) => {
	const own = new ScriptsOnHost("grub");
	t.teardown(() => own.remove());
	own.write("mnt/sda2/system/dns", "");
	own.write("run/network/lease/eth0.dhcp.dns", "192.0.2.1\nnonsense\n");
	own.write("run/network/lease/eth0.ra.dns", "2001:db8::53\nfe80::1%eth0\n");
	own.write("run/network/lease/eth1.dhcp.dns", "192.0.2.1\n0.0.0.0\n");
	own.write("run/network/lease/eth0.dhcp.search", "example.com\n-o\n");
	const { output } = own.run("network", "servers dns; learned search");
	t.is(output, "192.0.2.1\n2001:db8::53\nfe80::1%eth0\nexample.com");
});

test("without time servers, those of the distribution are used", (t) => {
	const own = new ScriptsOnHost("grub");
	t.teardown(() => own.remove());
	own.write("mnt/sda2/system/ntp", "");
	t.is(
		own.run("network", "time_sources").output,
		"pool 2.debian.pool.ntp.org iburst maxpoll 6 maxsamples 4",
	);
	own.write("mnt/sda2/system/ntp", "192.0.2.1\n");
	t.is(
		own.run("network", "time_sources").output,
		"server 192.0.2.1 iburst maxpoll 6 maxsamples 4",
	);
});
