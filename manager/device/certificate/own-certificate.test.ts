import test from "ava";
import { TestAuthority } from "../../../testing/test-authority.ts";
import { dayMs } from "./expiry.ts";
import { isLookDue, reasonToRenew } from "./own-certificate.ts";

test("when the device's own certificate is renewed", async (t) => {
	const { certificate, key } = await TestAuthority.create("device", {
		days: 100,
	});
	const other = await TestAuthority.create("other");
	const after = (days: number) => new Date(Date.now() + days * dayMs);
	const pem = certificate + key;
	t.is(reasonToRenew(pem, after(0), true), undefined);
	t.is(reasonToRenew(pem, after(68), false), undefined);
	t.regex(reasonToRenew(pem, after(70), false) ?? "", /about to expire on/);
	t.regex(
		reasonToRenew(pem, new Date("2040-01-01"), false) ?? "",
		/^it expired/,
	);
	t.is(reasonToRenew(undefined, after(0), false), "it was missing");
	for (const damaged of ["", pem.slice(0, 300), certificate, key])
		t.regex(reasonToRenew(damaged, after(0), false) ?? "", /was damaged/);
	const mixed = certificate + other.key;
	t.regex(reasonToRenew(mixed, after(0), false) ?? "", /does not belong/);
	// A clock that is not set yet.
	t.is(reasonToRenew(pem, new Date("1970-01-02"), false), undefined);
	t.regex(reasonToRenew(pem, new Date("1970-01-02"), true) ?? "", /not valid/);
});

test("looked at once a day, and when the clock was set", (t) => {
	const now = Date.parse("2026-03-01T12:00:00Z");
	t.false(isLookDue(now, now + 60_000));
	t.true(isLookDue(now, now + dayMs));
	t.true(isLookDue(now, Date.parse("2040-01-01")));
	t.true(isLookDue(Date.parse("2040-01-01"), now));
});
