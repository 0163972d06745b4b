import test from "ava";
import { formatBytes, formatDuration } from "./format.ts";

test("bytes", (t) => {
	t.is(formatBytes(0), "0 B");
	t.is(formatBytes(999), "999 B");
	t.is(formatBytes(1000), "1.0 KB");
	t.is(formatBytes(9_960), "10 KB");
	t.is(formatBytes(999_600), "1.0 MB");
	t.is(formatBytes(16_000_000_000), "16 GB");
	t.is(formatBytes(5e15), "5000 TB");
});

test("durations", (t) => {
	t.is(formatDuration(0.9), "0 s");
	t.is(formatDuration(61), "1 min 1 s");
	t.is(formatDuration(3_600), "1 h 0 min");
	t.is(formatDuration(86_400), "1 day 0 h");
	t.is(formatDuration(2 * 86_400 + 3 * 3_600 + 59), "2 days 3 h");
});
