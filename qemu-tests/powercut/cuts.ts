import { SECTOR_BYTES } from "../../partitioning/layout.ts";
import type { Cut } from "./disk-state.ts";
import type { Random } from "./random.ts";
import type { Entry } from "./write-log.ts";

/** Returns the cuts before the first entry and after each entry except flushes, which change nothing. */
export function prefixes(entries: readonly Entry[]): Cut[] {
	const cuts: Cut[] = [{ kind: "prefix", complete: 0, also: [] }];
	entries.forEach((entry, index) => {
		if (entry.kind !== "flush")
			cuts.push({ kind: "prefix", complete: index + 1, also: [] });
	});
	return cuts;
}

/**
 * Returns the cuts in each write of more than one sector: only its first sectors, only its last, and a random choice are
 * written. All earlier entries are complete.
 */
export function tornWrites(entries: readonly Entry[], random: Random): Cut[] {
	return entries.flatMap((entry, index) => {
		if (entry.kind !== "write" || entry.sizeBytes <= SECTOR_BYTES) return [];
		const count = entry.sizeBytes / SECTOR_BYTES;
		const sectors = Array.from({ length: count }, (_, sector) => sector);
		const middle = 1 + random.below(count - 1);
		const choices = [sectors.slice(0, middle), sectors.slice(middle)];
		if (count > 2) choices.push(random.someOf(sectors));
		return choices.map(
			(sectors): Cut => ({
				kind: "torn",
				complete: index,
				also: [{ entry: index, sectors }],
			}),
		);
	});
}

/**
 * Between two flushes a disk may write in any order. Returns for each such interval the cuts with only the last write,
 * without only the first, and some random subsets.
 */
export function reorderedWrites(
	entries: readonly Entry[],
	random: Random,
	subsetsPerInterval: number,
): Cut[] {
	return flushIntervals(entries).flatMap(({ complete, writes }) => {
		if (writes.length < 2) return [];
		const choices = [writes.slice(-1), writes.slice(1)];
		for (let count = 0; count < subsetsPerInterval; count++)
			choices.push(random.someOf(writes));
		return choices.map(
			(chosen): Cut => ({
				kind: "reordered",
				complete,
				also: chosen.map((entry) => ({ entry })),
			}),
		);
	});
}

interface Interval {
	/** The number of entries up to and including the last flush. */
	complete: number;
	/** The writes until the next flush. */
	writes: number[];
}

export function flushIntervals(entries: readonly Entry[]): Interval[] {
	let current: Interval = { complete: 0, writes: [] };
	const intervals = [current];
	entries.forEach((entry, index) => {
		if (entry.kind !== "flush") current.writes.push(index);
		else {
			current = { complete: index + 1, writes: [] };
			intervals.push(current);
		}
	});
	return intervals.filter(({ writes }) => writes.length > 0);
}
