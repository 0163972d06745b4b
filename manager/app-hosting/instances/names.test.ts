import test from "ava";
import {
	domainName,
	instanceDatabaseName,
	instanceDatabaseUser,
	instanceName,
	webPath,
} from "./names.ts";

test("names need no escaping in paths", (t) => {
	for (const name of ["notes", "a", "Notes-2.b_c", "x".repeat(63)])
		t.true(instanceName.safeParse(name).success, name);
	for (const name of [
		"",
		".",
		"../..",
		"a/b",
		"a b",
		"ä",
		"%41",
		"x".repeat(64),
	])
		t.false(instanceName.safeParse(name).success, name);
	t.true(domainName.safeParse("example.com").success);
	t.false(domainName.safeParse("manager").success);
	t.is(webPath({ domain: "example.com", name: "a" }), "/example.com/a/");
});

test("databases may have any name of up to 63 bytes that is not reserved", (t) => {
	for (const name of [`it's "a" $name`, "ü".repeat(31), "Robert'); DROP --"])
		t.true(instanceDatabaseName.safeParse(name).success, name);
	for (const name of ["", "ü".repeat(32), "a\nb", "manager", "template1"])
		t.false(instanceDatabaseName.safeParse(name).success, name);
	for (const name of ["root", "postgres", "pg_monitor", "public"])
		t.false(instanceDatabaseUser.safeParse(name).success, name);
});
