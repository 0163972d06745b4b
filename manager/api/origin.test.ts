import test from "ava";
import { isOwnOrigin } from "./origin.ts";

test("a page of ours, and a program that is no browser", (t) => {
	t.true(isOwnOrigin("https://device.example", "device.example"));
	t.true(isOwnOrigin("https://device.example", "Device.example"));
	t.true(isOwnOrigin("http://127.0.0.1:8080", "127.0.0.1:8080"));
	t.true(isOwnOrigin("https://[fd00::1]", "[fd00::1]"));
	t.true(isOwnOrigin(undefined, "device.example"));
});

test("a page of somebody else", (t) => {
	t.false(isOwnOrigin("https://evil.example", "device.example"));
	t.false(isOwnOrigin("https://device.example.evil.example", "device.example"));
	t.false(isOwnOrigin("https://device.example:444", "device.example"));
	t.false(isOwnOrigin("null", "device.example"));
	t.false(isOwnOrigin("", "device.example"));
	t.false(isOwnOrigin("https://device.example", undefined));
});
