import test from "ava";
import { decideReserve } from "./decision.ts";

const reserveBytes = 500;

test("a missing reserve is made where there is room", (t) => {
	t.is(decideReserve({ exists: false, freeBytes: 1000, reserveBytes }), "make");
});

test("a reserve that is there is left alone, room or not", (t) => {
	t.is(decideReserve({ exists: true, freeBytes: 1000, reserveBytes }), "leave");
	t.is(decideReserve({ exists: true, freeBytes: 0, reserveBytes }), "leave");
});

test("it is not made where it would leave too little", (t) => {
	t.is(
		decideReserve({ exists: false, freeBytes: 999, reserveBytes }),
		"noRoom",
	);
	t.is(decideReserve({ exists: false, freeBytes: 0, reserveBytes }), "noRoom");
});
