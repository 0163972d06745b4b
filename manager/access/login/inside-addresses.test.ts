import test from "ava";
import { InsideAddresses } from "./inside-addresses.ts";

const inside = new InsideAddresses(() => ({
	eth0: [
		own("192.0.2.5", "192.0.2.0/24", "IPv4"),
		own("2001:db8:1:2::5", "2001:db8:1:2::5/64"),
		own("2001:db8:9::5", "2001:db8:9::5/128"),
		own("3000::5", "3000::5/3"),
	],
}));

function own(address: string, cidr: string, family: "IPv4" | "IPv6" = "IPv6") {
	return {
		...{ address, cidr, netmask: "", mac: "", internal: false },
		...(family === "IPv4" ? { family } : { family, scopeid: 0 }),
	};
}

const insideAddresses = [
	"10.0.0.1",
	"172.16.0.1",
	"172.31.255.255",
	"192.168.1.1",
	"127.0.0.1",
	"169.254.10.20",
	"::1",
	"fe80::1",
	"fe80::1%eth0",
	"fd12:3456::1",
	"2001:db8:1:2::1",
	"2001:db8:1:2:ffff:ffff:ffff:ffff",
	"2001:db8:9::5",
	"fc00::1",
	"::ffff:192.168.1.1",
	"::ffff:0a00:0001",
];
const otherAddresses = [
	"8.8.8.8",
	"172.15.255.255",
	"172.32.0.1",
	"192.169.0.1",
	"100.64.0.1",
	"0.0.0.0",
	"2001:db8::1",
	"2001:db8:1:3::1",
	"2001:db8:9::6",
	"2a00::1",
	"192.0.2.6",
	"::",
	"fec0::1",
	"::ffff:8.8.8.8",
	"64:ff9b::0a00:0001",
	"10.0.0.1, 8.8.8.8",
	"010.0.0.1",
	"10.1",
	"0x0a000001",
	"167772161",
	"localhost",
	"",
	undefined,
];

for (const address of insideAddresses)
	test(`${address} is inside`, (t) => t.true(inside.has(address)));

for (const address of otherAddresses)
	test(`${address} is not inside`, (t) => t.false(inside.has(address)));

test("100.64.0.0/10 is inside by setting", (t) => {
	const other = new InsideAddresses(() => ({}));
	t.false(other.has("100.64.0.1"));
	other.includesSharedAddressSpace = true;
	t.true(other.has("100.64.0.1"));
	t.true(other.has("::ffff:100.127.255.255"));
	t.false(other.has("100.128.0.1"));
});
