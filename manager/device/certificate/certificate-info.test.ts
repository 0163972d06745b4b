import test from "ava";
import { dayMs, expiryWarning } from "./certificate-info.ts";

const now = new Date("2026-03-01T12:00:00Z");
const after = (days: number) => new Date(now.getTime() + days * dayMs);

test("warns from 30 days before the expiry", (t) => {
	t.is(expiryWarning(after(31), now), undefined);
	t.is(expiryWarning(after(30), now), undefined);
	t.is(
		expiryWarning(after(29.9), now),
		"The web server's certificate expires in 29 days, on 2026-03-31.",
	);
	t.regex(expiryWarning(after(1.5), now) ?? "", /in 1 day,/);
	t.regex(expiryWarning(after(0.5), now) ?? "", /expires today/);
	t.regex(expiryWarning(after(-0.5), now) ?? "", /expired on 2026-03-01/);
});
