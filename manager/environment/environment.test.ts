import test from "ava";
import { readEnvironment } from "./environment.ts";
import { readListenAddress } from "./listen-address.ts";

test("the defaults are those of the appliance", (t) => {
	const environment = readEnvironment({});
	t.deepEqual(readListenAddress({}), {
		kind: "socket",
		path: "/run/manager/manager.sock",
		group: "webserver",
	});
	t.is(environment.dataDirectory, "/mnt/sda2");
	t.is(environment.postgres.host, "/run/postgresql");
	t.is(environment.reserve.sizeBytes, 524_288_000);
});

test("a port selects loopback", (t) => {
	t.deepEqual(readListenAddress({ MANAGER_PORT: "8080" }), {
		kind: "loopback",
		port: 8080,
	});
});

test("the error names each invalid variable", (t) => {
	const error = t.throws(() =>
		readEnvironment({
			MANAGER_RESERVE_BYTES: "all",
			MANAGER_LOG_LEVEL: "loud",
		}),
	);
	t.regex(error.message, /MANAGER_RESERVE_BYTES/);
	t.regex(error.message, /MANAGER_LOG_LEVEL/);
	for (const port of ["eighty", "-1", "80.5", "65536", ""])
		t.throws(() => readListenAddress({ MANAGER_PORT: port }), {
			message: /MANAGER_PORT/,
		});
});
