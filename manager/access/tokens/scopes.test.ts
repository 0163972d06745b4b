import test from "ava";
import { mayCall } from "./scopes.ts";

const look = { name: "services", tokens: "read" } as const;
const change = { name: "serviceInstall", tokens: "administer" } as const;
const credentials = { name: "instanceCredentials", tokens: "byName" } as const;
const password = { name: "changePassword", tokens: "never" } as const;

test("a token's scopes decide which operations it may call", (t) => {
	const allowed = (scopes: string[]) =>
		[look, change, credentials, password].map((operation) =>
			mayCall(scopes, operation),
		);
	t.deepEqual(allowed([]), [false, false, false, false]);
	t.deepEqual(allowed(["read"]), [true, false, false, false]);
	t.deepEqual(allowed(["administer"]), [true, true, false, false]);
	t.deepEqual(allowed(["serviceInstall"]), [false, true, false, false]);
	t.deepEqual(allowed(["read", "serviceInstall"]), [true, true, false, false]);
	t.deepEqual(allowed(["instanceCredentials"]), [false, false, true, false]);
	t.deepEqual(allowed(["changePassword", "never"]), Array(4).fill(false));
	t.deepEqual(allowed(["service", "", "READ", "byName"]), Array(4).fill(false));
});
