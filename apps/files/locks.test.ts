import test from "ava";
import {
	findBlockingLock,
	findConflict,
	type Lock,
	locksCovering,
} from "./locks.ts";

const lock = (
	token: string,
	path: string[],
	{ isDeep = false, isExclusive = true } = {},
): Lock => ({
	...{
		token,
		path,
		isDeep,
		isExclusive,
		owner: "",
		timeoutSeconds: 60,
		holder: "",
	},
});
const deep = lock("deep", ["a"], { isDeep: true });
const flat = lock("flat", ["b"]);
const leaf = lock("leaf", ["c", "d"]);
const locks = [deep, flat, leaf];

test("a deep lock covers the tree below it, another only its path", (t) => {
	t.deepEqual(locksCovering(locks, ["a", "x", "y"]), [deep]);
	t.deepEqual(locksCovering(locks, ["b"]), [flat]);
	t.deepEqual(locksCovering(locks, ["b", "x"]), []);
	t.deepEqual(locksCovering(locks, []), []);
});

test("a change needs one token per locked path", (t) => {
	const paths = [["a", "x"]];
	t.is(findBlockingLock(locks, [], { paths }), deep);
	t.is(findBlockingLock(locks, ["flat"], { paths }), deep);
	t.is(findBlockingLock(locks, ["deep"], { paths }), undefined);
	const shared = ["one", "two"].map((token) =>
		lock(token, ["s"], { isExclusive: false }),
	);
	t.is(findBlockingLock(shared, ["two"], { paths: [["s"]] }), undefined);
	t.is(findBlockingLock(shared, [], { paths: [["s"]] }), shared[0]);
});

test("a change of a tree needs the tokens of the locks in it", (t) => {
	t.is(findBlockingLock(locks, [], { paths: [["c"]] }), undefined);
	t.is(findBlockingLock(locks, [], { paths: [], trees: [["c"]] }), leaf);
	t.is(
		findBlockingLock(locks, ["leaf"], { paths: [], trees: [["c"]] }),
		undefined,
	);
});

test("only shared locks may overlap", (t) => {
	const wish = (path: string[], isDeep: boolean, isExclusive: boolean) =>
		findConflict(locks, { path, isDeep, isExclusive });
	t.is(wish(["b"], false, false), flat);
	t.is(wish(["c"], false, true), undefined);
	t.is(wish(["c"], true, true), leaf);
	t.is(wish(["a", "x"], false, true), deep);
	const shared = [lock("one", ["s"], { isExclusive: false })];
	const path = ["s"];
	t.is(
		findConflict(shared, { path, isDeep: false, isExclusive: false }),
		undefined,
	);
	t.is(
		findConflict(shared, { path, isDeep: false, isExclusive: true }),
		shared[0],
	);
});
