import test from "ava";
import { isPrivateAddress } from "./private-addresses.ts";

const privateAddresses = [
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

for (const address of privateAddresses)
	test(`${address} is private`, (t) => t.true(isPrivateAddress(address)));

for (const address of otherAddresses)
	test(`${address} is not private`, (t) => t.false(isPrivateAddress(address)));
