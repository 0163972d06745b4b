import test from "ava";
import { TestAuthority } from "../../../testing/test-authority.ts";
import { dayMs } from "./certificate-info.ts";
import { isCheckDue, renewalReason } from "./default-certificate.ts";
import { ownAddresses } from "./names.ts";

test("finds the reason to renew the device's own certificate", async (t) => {
	const { certificate, key } = await TestAuthority.create("device", {
		days: 100,
	});
	const other = await TestAuthority.create("other");
	const after = (days: number) => new Date(Date.now() + days * dayMs);
	const pem = certificate + key;
	t.is(renewalReason(pem, after(0), true), undefined);
	t.is(renewalReason(pem, after(68), false), undefined);
	t.regex(renewalReason(pem, after(70), false) ?? "", /about to expire on/);
	t.regex(
		renewalReason(pem, new Date("2040-01-01"), false) ?? "",
		/^it expired/,
	);
	t.is(renewalReason(undefined, after(0), false), "it was missing");
	for (const damaged of ["", pem.slice(0, 300), certificate, key])
		t.regex(renewalReason(damaged, after(0), false) ?? "", /was damaged/);
	const mixed = certificate + other.key;
	t.regex(renewalReason(mixed, after(0), false) ?? "", /does not belong/);
	t.is(
		renewalReason(pem, after(0), false, ["manager.example.com"]),
		"it did not include manager.example.com",
	);
	const both = await TestAuthority.create("device", {
		extensions: ["subjectAltName=DNS:device,DNS:manager.example.com"],
	});
	t.is(
		renewalReason(both.certificate + both.key, after(0), false, [
			"manager.example.com",
		]),
		undefined,
	);
	const addressed = await TestAuthority.create("device", {
		extensions: ["subjectAltName=DNS:device,IP:192.0.2.1,IP:2001:db8::1"],
	});
	const reasonFor = (...names: string[]) =>
		renewalReason(
			addressed.certificate + addressed.key,
			after(0),
			false,
			names,
		);
	t.is(reasonFor("device", "192.0.2.1", "2001:db8::1"), undefined);
	t.is(
		reasonFor("192.0.2.2", "192.0.2.1", "2001:db8::2"),
		"it did not include 192.0.2.2, 2001:db8::2",
	);
	// The clock is not set yet.
	t.is(renewalReason(pem, new Date("1970-01-02"), false), undefined);
	t.regex(renewalReason(pem, new Date("1970-01-02"), true) ?? "", /not valid/);
});

test("finds the addresses by which browsers reach the machine", (t) => {
	const address = (address: string, internal = false) => ({
		...{ address, internal, mac: "", netmask: "", cidr: null },
		...(address.includes(":")
			? { family: "IPv6" as const, scopeid: 0 }
			: { family: "IPv4" as const }),
	});
	t.deepEqual(
		ownAddresses(() => ({
			lo: [address("127.0.0.1", true), address("::1", true)],
			eth1: [address("2001:db8::5"), address("fe80::5")],
			eth0: [address("192.0.2.5"), address("169.254.1.2")],
		})),
		["192.0.2.5", "2001:db8::5"],
	);
	const many = Array.from({ length: 100 }, (_, i) => address(`10.0.0.${i}`));
	t.is(ownAddresses(() => ({ eth0: many })).length, 16);
});

test("checks once a day and after the clock was set", (t) => {
	const now = Date.parse("2026-03-01T12:00:00Z");
	t.false(isCheckDue(now, now + 60_000));
	t.true(isCheckDue(now, now + dayMs));
	t.true(isCheckDue(now, Date.parse("2040-01-01")));
	t.true(isCheckDue(Date.parse("2040-01-01"), now));
});
