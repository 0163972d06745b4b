import test from "ava";
import { GuessLimiter } from "./guess-limiter.ts";

const address = "192.0.2.1";

test("thousands of clients of one address are not slowed down, one with an old password among them", (t) => {
	const guesses = new GuessLimiter({ now: () => 0 });
	for (let n = 0; n < 100; n += 1) guesses.fail({ address, client: "old" });
	for (let n = 0; n < 4_000; n += 1) {
		const phone = { address, client: `phone ${n}` };
		t.is(guesses.delayMs(phone), 0);
		guesses.succeed(phone);
	}
});

test("guesses under many names slow down an address, but not who has logged in from it", (t) => {
	const guesses = new GuessLimiter({ now: () => 0 });
	const known = { address, client: "ann" };
	guesses.succeed(known);
	let tried = 0;
	for (let n = 0; n < 5_000; n += 1) {
		const guess = { address, client: `guess ${n}` };
		if (guesses.delayMs(guess) > 0) continue;
		guesses.fail(guess);
		tried += 1;
	}
	t.is(tried, 20);
	t.is(guesses.delayMs(known), 0);
	t.is(guesses.delayMs({ address: "192.0.2.2", client: "bob" }), 0);
});

test("who has logged in before cannot guess for ever either", (t) => {
	const guesses = new GuessLimiter({ now: () => 0 });
	const known = { address, client: "ann" };
	guesses.succeed(known);
	for (let n = 0; n < 5; n += 1) guesses.fail(known);
	t.true(guesses.delayMs(known) > 0);
	t.is(guesses.delayMs({ address, client: "bob" }), 0);
});

test("all of loopback and each IPv6 /64 is one address", (t) => {
	for (const network of ["127.0.0.", "2001:db8::"]) {
		const guesses = new GuessLimiter({ now: () => 0 });
		for (let n = 0; n < 20; n += 1)
			guesses.fail({ address: `${network}${n}`, client: `${n}` });
		const other = { address: `${network}99`, client: "other" };
		t.true(guesses.delayMs(other) > 0, network);
	}
});
