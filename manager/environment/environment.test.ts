import test from "ava";
import { readEnvironment } from "./environment.ts";

test("the defaults are those of the appliance", (t) => {
	const environment = readEnvironment({});
	t.deepEqual(environment.listen, {
		kind: "socket",
		path: "/run/manager/manager.sock",
		group: "webserver",
	});
	t.is(environment.dataDirectory, "/mnt/sda2");
	t.is(environment.postgres.host, "/run/postgresql");
	t.is(environment.reserveSizeBytes, 524_288_000);
});

test("a port selects loopback", (t) => {
	t.deepEqual(readEnvironment({ MANAGER_PORT: "8080" }).listen, {
		kind: "loopback",
		port: 8080,
	});
});

test("the error names each invalid variable", (t) => {
	const error = t.throws(() =>
		readEnvironment({ MANAGER_PORT: "eighty", MANAGER_LOG_LEVEL: "loud" }),
	);
	t.regex(error.message, /MANAGER_PORT/);
	t.regex(error.message, /MANAGER_LOG_LEVEL/);
});
