import test from "ava";
import { decideReserve } from "./reserve.ts";

const reserveBytes = 500;

test("a missing reserve is created if there is room", (t) => {
	t.is(
		decideReserve({ exists: false, freeBytes: 1000, reserveBytes }),
		"create",
	);
});

test("an existing reserve is kept, with or without room", (t) => {
	t.is(decideReserve({ exists: true, freeBytes: 1000, reserveBytes }), "keep");
	t.is(decideReserve({ exists: true, freeBytes: 0, reserveBytes }), "keep");
});

test("a reserve is not created if it would leave too little room", (t) => {
	t.is(
		decideReserve({ exists: false, freeBytes: 999, reserveBytes }),
		"noRoom",
	);
	t.is(decideReserve({ exists: false, freeBytes: 0, reserveBytes }), "noRoom");
});
