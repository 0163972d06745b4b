import test from "ava";
import { isOwnOrigin } from "./origin.ts";

test("the manager's own pages and programs other than browsers are accepted", (t) => {
	t.true(isOwnOrigin("https://device.example", "device.example"));
	t.true(isOwnOrigin("https://device.example", "Device.example"));
	t.true(isOwnOrigin("http://127.0.0.1:8080", "127.0.0.1:8080"));
	t.true(isOwnOrigin("https://[fd00::1]", "[fd00::1]"));
	t.true(isOwnOrigin(undefined, "device.example"));
});

test("pages of other origins are not accepted", (t) => {
	t.false(isOwnOrigin("https://evil.example", "device.example"));
	t.false(isOwnOrigin("https://device.example.evil.example", "device.example"));
	t.false(isOwnOrigin("https://device.example:444", "device.example"));
	t.false(isOwnOrigin("null", "device.example"));
	t.false(isOwnOrigin("", "device.example"));
	t.false(isOwnOrigin("https://device.example", undefined));
});
