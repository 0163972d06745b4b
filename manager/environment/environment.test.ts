import test from "ava";
import { readSettings } from "./environment.ts";

test("an empty environment means the appliance", (t) => {
	const settings = readSettings({});
	t.deepEqual(settings.listen, {
		kind: "socket",
		path: "/run/manager/manager.sock",
		group: "webserver",
	});
	t.is(settings.dataDirectory, "/mnt/sda2");
	t.is(settings.postgres.host, "/run/postgresql");
	t.is(settings.reserveSizeBytes, 524_288_000);
});

test("a port means loopback", (t) => {
	t.deepEqual(readSettings({ MANAGER_PORT: "8080" }).listen, {
		kind: "loopback",
		port: 8080,
	});
});

test("each wrong variable is named", (t) => {
	const error = t.throws(() =>
		readSettings({ MANAGER_PORT: "eighty", MANAGER_LOG_LEVEL: "loud" }),
	);
	t.regex(error.message, /MANAGER_PORT/);
	t.regex(error.message, /MANAGER_LOG_LEVEL/);
});
