import test from "ava";
import {
	CheckQueue,
	freeStrangerFailures,
	type Lane,
	maxWaitingPerLane,
} from "./check-queue.ts";

/** A queue whose first check does not end before `release`. */
function blockedQueue(now?: () => number) {
	const queue = new CheckQueue(now);
	const order: string[] = [];
	const dropped: string[] = [];
	let release = () => {};
	const blocking = new Promise<void>((resolve) => {
		release = resolve;
	});
	const first = queue.run(
		{ lane: "knownBrowser", source: "first", rank: () => 0 },
		() => blocking.then(() => true),
	);
	const add = async (
		lane: Lane,
		name: string,
		{ source = name, failures = 0, isCorrect = true } = {},
	) => {
		const result = await queue.run(
			{ lane, source, rank: () => failures },
			async () => {
				order.push(name);
				return isCorrect;
			},
		);
		if (result === undefined) dropped.push(name);
		return result;
	};
	return {
		...{ queue, order, dropped, add, first },
		release: async () => {
			release();
			await first;
		},
	};
}

test("checks run one at a time, and lanes take turns", async (t) => {
	const { order, add, release } = blockedQueue(() => 0);
	const all = [
		...["a", "b", "c"].map((name) => add("outsideStranger", name)),
		add("knownBrowser", "browser"),
		add("insideStranger", "inside"),
		add("knownAddress", "address"),
	];
	t.deepEqual(order, []);
	await release();
	await Promise.all(all);
	t.deepEqual(order, ["address", "inside", "a", "browser", "b", "c"]);
});

test("a full lane drops those that have failed most, of the greediest source", async (t) => {
	const { order, dropped, add, release } = blockedQueue(() => 0);
	const all = Array.from({ length: maxWaitingPerLane }, (_, n) =>
		add("outsideStranger", `attacker ${n}`, {
			source: `${n % 3}`,
			failures: 2,
		}),
	);
	all.push(add("outsideStranger", "other", { failures: 2 }));
	all.push(add("outsideStranger", "administrator"));
	for (let n = 0; n < 100; n += 1)
		all.push(add("outsideStranger", `late ${n}`, { failures: 2 }));
	await release();
	await Promise.all(all);
	t.is(dropped[0], "attacker 0");
	t.is(order[0], "administrator");
	t.is(dropped.length, 102);
});

test("wrong passwords of strangers slow down strangers only", async (t) => {
	let nowMs = 0;
	const { order, add, release } = blockedQueue(() => nowMs);
	await release();
	for (let n = 0; n < freeStrangerFailures + 4; n += 1) {
		const check = add("outsideStranger", `attacker ${n}`, { isCorrect: false });
		await Promise.race([check, new Promise(setImmediate)]);
	}
	const tried = order.length;
	t.is(tried, freeStrangerFailures + 1);
	t.true(await add("knownBrowser", "browser"));
	t.true(await add("knownAddress", "address"));
	t.is(order.length, tried + 2);
	nowMs += 10_000;
	t.true(await add("insideStranger", "administrator"));
});

test("an error of a check does not stop the queue", async (t) => {
	const queue = new CheckQueue();
	const attempt = { lane: "knownBrowser", source: "a", rank: () => 0 } as const;
	await t.throwsAsync(
		queue.run(attempt, async () => {
			throw new Error("no database");
		}),
		{ message: "no database" },
	);
	t.true(await queue.run(attempt, async () => true));
});
