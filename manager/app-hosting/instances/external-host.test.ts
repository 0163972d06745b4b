import test from "ava";
import { externalHost, formatAddress, parseAddress } from "./external-host.ts";

test("addresses are parsed as administrators enter them", (t) => {
	for (const [typed, host, port] of [
		["db.example.com", "db.example.com"],
		["DB.Example.com.:6432", "db.example.com", 6432],
		["db", "db"],
		["datenbank.köln.example:1", "datenbank.xn--kln-sna.example", 1],
		["10.0.0.1", "10.0.0.1"],
		["10.0.0.1:65535", "10.0.0.1", 65_535],
		["2001:DB8::1", "2001:db8::1"],
		["2001:db8::1:5432", "2001:db8::1:5432"],
		["[2001:db8::1]", "2001:db8::1"],
		[" [2001:db8::1]:5432 ", "2001:db8::1", 5432],
		["::1", "::1"],
		["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
	] as const)
		t.deepEqual(
			parseAddress(typed),
			port === undefined ? { host } : { host, port },
			typed,
		);
});

test("invalid addresses are rejected", (t) => {
	for (const typed of [
		...["", " ", ":5432", "db:", "db:0", "db:65536", "db:x", "db:1:2"],
		...["10.0.0.256", "10.1", "[10.0.0.1]", "[::1", "::1]", "[::1]5432"],
		...["/run/postgresql", "a b", "-db", "db-", "a..b", "db/x", "user@db"],
		...["postgresql://db", "a\0b", "x".repeat(64)],
		`${"x.".repeat(127)}y`,
	])
		t.is(parseAddress(typed), undefined, typed);
});

test("formatted addresses can be parsed", (t) => {
	for (const address of [
		{ host: "db.example.com" },
		{ host: "db.example.com", port: 1 },
		{ host: "::1" },
		{ host: "::1", port: 5432 },
	])
		t.deepEqual(parseAddress(formatAddress(address)), address);
});

test("port, kind and TLS mode of a host have defaults", (t) => {
	t.deepEqual(externalHost.parse({ address: "db" }), {
		host: "db",
		port: 5432,
		kind: "postgresql",
		tls: { mode: "prefer" },
	});
	t.is(externalHost.parse({ address: "db", kind: "mysql" }).port, 3306);
	const pem = (text: string) =>
		externalHost.safeParse({ address: "db", ca: text }).success;
	t.false(pem("nothing"));
	t.false(pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"));
});
