import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { SECTOR_BYTES } from "../../partitioning/layout.ts";
import {
	flushIntervals,
	prefixes,
	reorderedWrites,
	tornWrites,
} from "./cuts.ts";
import { DiskState } from "./disk-state.ts";
import { Random } from "./random.ts";
import { WriteLog } from "./write-log.ts";

const magic = 0x6a736677736872n;

/** One sector with four numbers of 64 bits. */
function sector(...numbers: bigint[]): Buffer {
	const bytes = Buffer.alloc(SECTOR_BYTES);
	for (const [index, number] of numbers.entries())
		bytes.writeBigUInt64LE(number, index * 8);
	return bytes;
}

const filled = (sectors: number, byte: number) =>
	Buffer.alloc(sectors * SECTOR_BYTES, byte);

// Two writes and a flush, which the superblock counts, then a discard and a write.
const entries = [
	...[sector(1n, 2n, 0n, 0n), filled(2, 1)],
	...[sector(4n, 1n, 0n, 0n), filled(1, 2)],
	sector(0n, 0n, 1n, 0n),
	sector(1n, 1n, 4n, 0n),
	...[sector(2n, 1n, 0n, 0n), filled(1, 3)],
];

function newDirectory(): string {
	return mkdtempSync(join(tmpdir(), "app-platform-powercut-test-"));
}

function logOf(...more: Buffer[]): WriteLog {
	const path = join(newDirectory(), "writes");
	const superblock = sector(magic, 1n, 3n, BigInt(SECTOR_BYTES));
	writeFileSync(path, Buffer.concat([superblock, ...entries, ...more]));
	return new WriteLog(path);
}

test("entries beyond the superblock's count are read", (t) => {
	t.deepEqual(
		logOf().entries.map(({ kind }) => kind),
		["write", "write", "flush", "discard", "write"],
	);
});

test("an incomplete entry is ignored", (t) => {
	const unfinished = sector(7n, 9n, 0n, 0n);
	t.is(logOf(unfinished, filled(1, 4)).entries.length, 5);
});

test("a log with fewer entries than its count is an error", (t) => {
	const path = join(newDirectory(), "writes");
	const superblock = sector(magic, 1n, 9n, BigInt(SECTOR_BYTES));
	writeFileSync(path, Buffer.concat([superblock, ...entries]));
	t.throws(() => new WriteLog(path), { message: /9 entries, but only 5/ });
});

test("a disk is rebuilt at each cut, and partial writes are reverted", async (t) => {
	const path = join(newDirectory(), "disk");
	writeFileSync(path, filled(8, 0));
	const state = new DiskState(path, logOf(), (sizeBytes) => [
		{ startBytes: 0, sizeBytes: SECTOR_BYTES },
		{ startBytes: SECTOR_BYTES, sizeBytes: sizeBytes - SECTOR_BYTES },
	]);
	const sectors = () =>
		[0, 1, 2, 3, 4, 5].map(
			(number) =>
				state.read({ startBytes: number * SECTOR_BYTES, sizeBytes: 1 })[0],
		);
	const at = (
		complete: number,
		...also: { entry: number; sectors?: number[] }[]
	) => state.at({ kind: "prefix", complete, also }, async () => sectors());
	t.deepEqual(await at(0, { entry: 0, sectors: [1] }), [0, 0, 1, 0, 0, 0]);
	t.deepEqual(await at(0, { entry: 1 }), [0, 0, 0, 0, 2, 0]);
	t.deepEqual(await at(3), [0, 1, 1, 0, 2, 0]);
	t.deepEqual(await at(3, { entry: 4 }), [0, 1, 3, 0, 2, 0]);
	const version = state.version(1);
	t.deepEqual(await at(5), [0, 0, 3, 0, 2, 0]);
	t.not(state.version(1), version);
	t.is(state.version(0), 0);
	await t.throwsAsync(at(0), { message: /cannot go back/ });
});

test("no write is reordered across a flush", (t) => {
	const { entries } = logOf();
	t.deepEqual(flushIntervals(entries), [
		{ complete: 0, writes: [0, 1] },
		{ complete: 3, writes: [3, 4] },
	]);
	t.is(prefixes(entries).length, 5);
	fc.assert(
		fc.property(fc.integer(), (seed) => {
			const random = new Random(seed);
			for (const { complete, also } of reorderedWrites(entries, random, 5))
				t.true(
					also.every(({ entry }) => entry >= complete && entry < complete + 2),
				);
			t.true(
				tornWrites(entries, random).every(({ also }) => also[0]?.entry === 0),
			);
		}),
	);
});

test("the same seed gives the same sample", (t) => {
	const numbers = Array.from({ length: 100 }, (_, number) => number);
	const sample = (seed: number) => new Random(seed).sample(numbers, 10);
	t.deepEqual(sample(7), sample(7));
	t.notDeepEqual(sample(7), sample(8));
	t.is(sample(7).length, 10);
	fc.assert(
		fc.property(fc.integer(), fc.nat({ max: 120 }), (seed, count) => {
			const chosen = new Random(seed).sample(numbers, count);
			t.is(chosen.length, Math.min(count, numbers.length));
			t.deepEqual(
				chosen,
				numbers.filter((number) => chosen.includes(number)),
			);
		}),
	);
});
