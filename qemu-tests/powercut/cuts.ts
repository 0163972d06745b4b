import { type Cut, SECTOR_BYTES } from "./disk-state.ts";
import type { Random } from "./random.ts";
import type { Entry } from "./write-log.ts";

/** After each entry, and before the first. A flush changes nothing. */
export function prefixes(entries: readonly Entry[]): Cut[] {
	const cuts: Cut[] = [{ kind: "prefix", complete: 0, also: [] }];
	entries.forEach((entry, index) => {
		if (entry.kind !== "flush")
			cuts.push({ kind: "prefix", complete: index + 1, also: [] });
	});
	return cuts;
}

/**
 * Each write of more than one sector, torn: its first sectors, its last, and those that chance
 * chooses. All before it are complete.
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
 * Between two flushes a disk may write in any order: of each such interval the cuts where only
 * the last write is there, where only the first is missing, and some that chance chooses.
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
	/** The number of entries that a flush has made safe. */
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
