import test from "ava";
import { isOwnHost, isSameOrigin, parseHost } from "./origin.ts";

const isHttps = (origin: string | undefined, host: string | undefined) =>
	isSameOrigin(origin, host, "https");

test("the manager's own pages and programs other than browsers are accepted", (t) => {
	t.true(isHttps("https://device.example", "device.example"));
	t.true(isHttps("https://device.example", "Device.example"));
	t.true(isSameOrigin("http://127.0.0.1:8080", "127.0.0.1:8080", "http"));
	t.true(isHttps("https://[fd00::1]", "[fd00::1]"));
	t.true(isHttps("https://[fd00::1]:8443", "[FD00::1]:8443"));
	t.true(isHttps(undefined, "device.example"));
});

test("the default port counts as none", (t) => {
	t.true(isHttps("https://device.example", "device.example:443"));
	t.true(isHttps("https://device.example:443", "device.example"));
	t.true(isHttps("https://[fd00::1]", "[fd00::1]:443"));
	t.true(isSameOrigin("http://device.example", "device.example:80", "http"));
	t.false(isHttps("https://device.example", "device.example:80"));
	t.false(isHttps("https://device.example:8443", "device.example"));
	t.false(isHttps("https://device.example", "device.example:8443"));
});

test("pages of other origins are not accepted", (t) => {
	t.false(isHttps("https://evil.example", "device.example"));
	t.false(isHttps("https://device.example.evil.example", "device.example"));
	t.false(isHttps("https://device.example:444", "device.example"));
	t.false(isHttps("null", "device.example"));
	t.false(isHttps("", "device.example"));
	t.false(isHttps("https://device.example", undefined));
});

test("another scheme is another origin", (t) => {
	for (const scheme of ["http", "ftp", "ws", "chrome-extension", "file"])
		t.false(isHttps(`${scheme}://device.example`, "device.example"), scheme);
	t.false(isSameOrigin("https://device.example", "device.example", "http"));
});

test("a Host header is split into name and port", (t) => {
	t.deepEqual(parseHost("Device.Example.:443", "https"), {
		name: "device.example",
		port: undefined,
	});
	t.deepEqual(parseHost("[FD00::1]:8443", "https"), {
		name: "fd00::1",
		port: "8443",
	});
	for (const wrong of [
		undefined,
		"",
		"a b",
		"user@device",
		"device/x",
		"device:x",
		"device\\x",
		"device:99999",
	])
		t.is(parseHost(wrong, "https"), undefined, wrong);
});

test("addresses and the machine's names are its own, others are not", (t) => {
	const names = ["device.local", "apps.example.com", "*.pbx.example.com"];
	for (const own of [
		"192.168.0.1",
		"127.0.0.1",
		"fd00::1",
		"::1",
		"localhost",
		"device.local",
		"apps.example.com",
		"a.pbx.example.com",
	])
		t.true(isOwnHost(own, names), own);
	for (const other of [
		"evil.example",
		"device.local.evil.example",
		"localhost.evil.example",
		"pbx.example.com",
		"a.b.pbx.example.com",
		"example.com",
		"192.168.0.1.evil.example",
		"",
	])
		t.false(isOwnHost(other, names), other);
});
