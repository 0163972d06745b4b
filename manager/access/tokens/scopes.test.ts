import test from "ava";
import { mayCall } from "./scopes.ts";

const look = { name: "services", tokens: "read" } as const;
const change = { name: "serviceInstall", tokens: "administer" } as const;
const password = { name: "changePassword", tokens: "never" } as const;

test("a token's scopes decide which operations it may call", (t) => {
	const allowed = (scopes: string[]) =>
		[look, change, password].map((operation) => mayCall(scopes, operation));
	t.deepEqual(allowed([]), [false, false, false]);
	t.deepEqual(allowed(["read"]), [true, false, false]);
	t.deepEqual(allowed(["administer"]), [true, true, false]);
	t.deepEqual(allowed(["serviceInstall"]), [false, true, false]);
	t.deepEqual(allowed(["read", "serviceInstall"]), [true, true, false]);
	t.deepEqual(allowed(["changePassword", "never"]), [false, false, false]);
	t.deepEqual(allowed(["service", "", "READ"]), [false, false, false]);
});
