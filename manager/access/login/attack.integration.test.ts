import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { freeFailures } from "../../../sdk/attempt-limiter.ts";
import { type Sender, TestManager } from "../../../testing/test-manager.ts";

// Attackers guess; meanwhile the administrator logs in.

const password = "correct horse";
const knownAddress = "198.51.100.7";
const manager = await TestManager.create();
/** The Cookie header of a browser that has logged in before and has no session any more. */
let knownBrowser: string;

test.before(async () => {
	await manager.start();
	const change = await manager.call(
		"changePassword",
		{ currentPassword: "pwd", newPassword: password },
		{ cookie: await manager.logIn() },
	);
	knownBrowser = browserCookie(change.headers["set-cookie"]);
	await manager.logIn(password, knownAddress);
});
test.beforeEach(async () => {
	await manager.stop(); // Forgets failures, but not what is known.
	await manager.start();
});
test.after.always(() => manager.remove());

function browserCookie(cookies: string | string[] | undefined): string {
	const found = [cookies]
		.flat()
		.find((one) => one?.startsWith("manager-browser="));
	return found?.split(";")[0] ?? "";
}

/** @returns the status, and the time in ms. */
async function logIn(from: Sender, word = password) {
	const startMs = performance.now();
	const { status } = await manager.call("login", { password: word }, from);
	return { status, ms: Math.round(performance.now() - startMs) };
}

/** Tries again when it has to wait, as a person would. @returns the time in ms. */
async function logInPatiently(from: Sender): Promise<number> {
	const startMs = performance.now();
	for (;;) {
		const answer = await manager.call("login", { password }, from);
		if (answer.status === 200) return Math.round(performance.now() - startMs);
		if (answer.status !== 429) throw new Error(`Status ${answer.status}`);
		await delay(Number(answer.headers["retry-after"]) * 1_000);
	}
}

/** Guesses from the addresses one after the other, without a pause, until stopped. */
function attack(addresses: string[], parallel = 20) {
	let isOn = true;
	const count = { checked: 0, refused: 0 };
	let next = 0;
	const run = async () => {
		while (isOn) {
			const address = addresses[next++ % addresses.length] as string;
			const { status } = await logIn({ address }, `guess ${next}`);
			if (status === 401) count.checked += 1;
			else count.refused += 1;
		}
	};
	const ended = Promise.all(Array.from({ length: parallel }, run));
	return {
		count,
		async reached(requests: number) {
			while (count.checked + count.refused < requests) await delay(20);
		},
		async stop() {
			isOn = false;
			await ended;
		},
	};
}

const addresses = (count: number, prefix: string) =>
	Array.from({ length: count }, (_, n) => `${prefix}.${n >> 8}.${n & 255}`);

test.serial(
	"50 wrong passwords from a few addresses lock out nobody",
	async (t) => {
		const guesses = addresses(10, "203.0").flatMap((address) =>
			Array.from({ length: freeFailures }, (_, n) =>
				logIn({ address }, `guess ${n}`),
			),
		);
		t.is(
			(await logIn({ address: "203.0.113.5", cookie: knownBrowser })).status,
			200,
		);
		t.is((await logIn({ address: knownAddress })).status, 200);
		t.is((await logIn({ address: "192.168.0.80" })).status, 200);
		const ms = await logInPatiently({ address: "203.0.113.6" });
		t.log(`unknown address outside: ${ms} ms`);
		t.true(ms < 30_000);
		await Promise.all(guesses);
	},
);

test.serial(
	"5,000 wrong passwords from 300 addresses lock out nobody while they go on",
	async (t) => {
		const attackers = attack(addresses(300, "203.0"));
		await attackers.reached(2_500);
		const browser = await logIn({ address: "203.0.1.1", cookie: knownBrowser });
		const address = await logIn({ address: knownAddress });
		const inside = await logIn({ address: "192.168.0.81" });
		const outside = await logInPatiently({ address: "2001:db8:77::1" });
		await attackers.reached(5_000);
		await attackers.stop();
		t.log({ browser, address, inside, outside, ...attackers.count });
		for (const { status, ms } of [browser, address, inside]) {
			t.is(status, 200);
			t.true(ms < 20_000);
		}
		t.true(outside < 60_000);
	},
);

test.serial("loopback is one source, and locks out nobody else", async (t) => {
	const attackers = attack(addresses(500, "127.0"));
	await attackers.reached(1_000);
	await attackers.stop();
	t.log(attackers.count);
	t.true(attackers.count.checked <= 2 * freeFailures);
	t.is((await logIn({ address: "127.0.0.1" })).status, 429);
	t.is(
		(await logIn({ address: "127.0.0.1", cookie: knownBrowser })).status,
		200,
	);
	t.is((await logIn({ address: "192.168.0.82" })).status, 200);
});

test.serial("an IPv6 /64 is one source", async (t) => {
	const network = Array.from({ length: 100 }, (_, n) => `2001:db8:5:6::${n}`);
	const attackers = attack(network);
	await attackers.reached(200);
	await attackers.stop();
	t.true(attackers.count.checked <= 2 * freeFailures);
	t.is((await logIn({ address: "2001:db8:5:7::1" })).status, 200);
});

test.serial("a stolen browser cookie gives only an allowance", async (t) => {
	const thief = { address: "203.0.113.9", cookie: knownBrowser };
	let checked = 0;
	for (let n = 0; n < 50; n += 1)
		if ((await logIn(thief, `guess ${n}`)).status === 401) checked += 1;
	t.true(checked <= 2 * freeFailures + 2);
	// Its owner has the allowance of the address.
	const owner = { address: "203.0.113.10", cookie: knownBrowser };
	t.is((await logIn(owner)).status, 200);
	const session = await manager.call("session", {}, { cookie: knownBrowser });
	t.is(session.body.loggedIn, false);
});

test.serial(
	"the answer does not show whether a password is correct before it is checked",
	async (t) => {
		const from = { address: "203.0.113.11" };
		for (let n = 0; n < freeFailures; n += 1) await logIn(from, `guess ${n}`);
		for (const word of [password, "wrong"]) {
			const answer = await manager.call("login", { password: word }, from);
			t.is(answer.status, 429);
			t.is(answer.body.error.code, "tooManyAttempts");
		}
	},
);
