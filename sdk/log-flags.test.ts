import test from "ava";
import { allLogFlags, defaultLogFlags, logFlags } from "./log-flags.ts";

test("there are 34 flags, each with its published bit", (t) => {
	t.is(Object.keys(logFlags).length, 34);
	t.is(logFlags.app, 0x1);
	t.is(logFlags.appWebSocket, 0x8000);
	t.is(logFlags.webServer, 0x200000000);
	t.is(defaultLogFlags, 0x8001);
	t.is(allLogFlags, 0x3ffffffff);
});
