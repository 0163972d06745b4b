import test from "ava";
import { conflict, covering, type Lock, obstacle } from "./locks.ts";

const lock = (
	token: string,
	path: string[],
	{ isDeep = false, isExclusive = true } = {},
): Lock => ({
	...{ token, path, isDeep, isExclusive, owner: "", timeoutSeconds: 60 },
});
const deep = lock("deep", ["a"], { isDeep: true });
const flat = lock("flat", ["b"]);
const leaf = lock("leaf", ["c", "d"]);
const locks = [deep, flat, leaf];

test("a deep lock covers what is below, another only its place", (t) => {
	t.deepEqual(covering(locks, ["a", "x", "y"]), [deep]);
	t.deepEqual(covering(locks, ["b"]), [flat]);
	t.deepEqual(covering(locks, ["b", "x"]), []);
	t.deepEqual(covering(locks, []), []);
});

test("one token of each locked place is needed", (t) => {
	const paths = [["a", "x"]];
	t.is(obstacle(locks, [], { paths }), deep);
	t.is(obstacle(locks, ["flat"], { paths }), deep);
	t.is(obstacle(locks, ["deep"], { paths }), undefined);
	const shared = ["one", "two"].map((token) =>
		lock(token, ["s"], { isExclusive: false }),
	);
	t.is(obstacle(shared, ["two"], { paths: [["s"]] }), undefined);
	t.is(obstacle(shared, [], { paths: [["s"]] }), shared[0]);
});

test("a tree goes only with the locks in it", (t) => {
	t.is(obstacle(locks, [], { paths: [["c"]] }), undefined);
	t.is(obstacle(locks, [], { paths: [], trees: [["c"]] }), leaf);
	t.is(obstacle(locks, ["leaf"], { paths: [], trees: [["c"]] }), undefined);
});

test("only shared locks go together", (t) => {
	const wish = (path: string[], isDeep: boolean, isExclusive: boolean) =>
		conflict(locks, { path, isDeep, isExclusive });
	t.is(wish(["b"], false, false), flat);
	t.is(wish(["c"], false, true), undefined);
	t.is(wish(["c"], true, true), leaf);
	t.is(wish(["a", "x"], false, true), deep);
	const shared = [lock("one", ["s"], { isExclusive: false })];
	const path = ["s"];
	t.is(
		conflict(shared, { path, isDeep: false, isExclusive: false }),
		undefined,
	);
	t.is(conflict(shared, { path, isDeep: false, isExclusive: true }), shared[0]);
});
