import { rm } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { targets } from "../../board/target.ts";
import type { DiskLayout } from "../../partitioning/layout.ts";
import type { TargetName } from "../machine/index.ts";
import { DiskCheck, extents, parts } from "./check.ts";
import { prefixes, reorderedWrites, tornWrites } from "./cuts.ts";
import { type Cut, DiskState, overlap } from "./disk-state.ts";
import { Random } from "./random.ts";
import type { Recording } from "./record.ts";
import type { Story } from "./story.ts";
import { type Entry, WriteLog } from "./write-log.ts";

export interface Failure {
	cut: Cut;
	reason: string;
	/** The writes around the cut, a line each. */
	around: string[];
}

/** Returns a sample of all cuts of a recording, in the order of the log. */
export function cutsOf(
	entries: readonly Entry[],
	{ points, seed }: { points: number; seed: number },
): Cut[] {
	const random = new Random(seed);
	const all = [
		...prefixes(entries),
		...tornWrites(entries, random),
		...reorderedWrites(entries, random, 8),
	];
	return random
		.sample(all, points)
		.sort((one, other) => one.complete - other.complete);
}

/** Rebuilds the disk at each cut and checks it from the host; stops after `maxFailures`. */
export async function checkCuts(
	{ base, writeLog }: Recording,
	{ target, checkData }: Pick<Story, "target" | "checkData">,
	cuts: readonly Cut[],
	{
		maxFailures = Number.POSITIVE_INFINITY,
		onFailure = (_failure: Failure): void => {},
		onProgress = (_done: number, _failures: number): void => {},
	} = {},
): Promise<Failure[]> {
	const log = new WriteLog(writeLog);
	const failures: Failure[] = [];
	await withCopyOf(base.path, async (path) => {
		const layout = layoutOf(target);
		const state = stateOf(path, log, layout);
		const check = new DiskCheck(state, layout, checkData);
		const start: Cut = { kind: "prefix", complete: 0, also: [] };
		const before = await state.at(start, () => check.fault());
		if (before)
			throw new Error(`The disk is faulty before the story: ${before}`);
		for (const [index, cut] of cuts.entries()) {
			const reason = await state.at(cut, () => check.fault());
			if (reason) {
				const failure = {
					cut,
					reason,
					around: around(log.entries, cut, layout),
				};
				failures.push(failure);
				onFailure(failure);
			}
			onProgress(index + 1, failures.length);
			if (failures.length >= maxFailures) break;
		}
		state.close();
	});
	log.close();
	return failures;
}

/** Creates the disk as a cut leaves it, as a raw file. */
export async function diskAt(
	{ base, writeLog }: Recording,
	target: TargetName,
	cut: Cut,
	path: string,
): Promise<void> {
	await $`cp --sparse=always ${base.path} ${path}`.quiet();
	const log = new WriteLog(writeLog);
	const state = stateOf(path, log, layoutOf(target));
	state.keep(cut);
	state.close();
	log.close();
}

function layoutOf(target: TargetName): DiskLayout {
	const found = targets.find(({ name }) => name === target);
	if (!found) throw new Error(`There is no target ${target}`);
	return found.layout;
}

function stateOf(path: string, log: WriteLog, layout: DiskLayout): DiskState {
	return new DiskState(path, log, (diskBytes) => extents(layout, diskBytes));
}

async function withCopyOf(
	base: string,
	work: (path: string) => Promise<void>,
): Promise<void> {
	const path = join(base, "..", `replay-${process.pid}.raw`);
	await $`cp --sparse=always ${base} ${path}`.quiet();
	try {
		await work(path);
	} finally {
		await rm(path, { force: true });
	}
}

const shownAround = 3;

function around(
	entries: readonly Entry[],
	{ complete, also }: Cut,
	layout: DiskLayout,
): string[] {
	const last = also.at(-1)?.entry ?? complete;
	const lines: string[] = [];
	const first = Math.max(0, complete - shownAround);
	for (let index = first; index < last + shownAround; index++) {
		const entry = entries[index];
		if (!entry) continue;
		const part = also.find(({ entry }) => entry === index);
		const fate =
			index < complete
				? "written"
				: !part
					? "lost"
					: part.sectors
						? `torn: ${part.sectors.length} sectors`
						: "written";
		lines.push(`${index} ${description(entry, layout)}: ${fate}`);
	}
	return lines;
}

function description(entry: Entry, layout: DiskLayout): string {
	if (entry.kind === "flush") return "flush";
	const ranges = extents(layout, Number.MAX_SAFE_INTEGER - 2 ** 40);
	const index = ranges.findIndex((extent) => overlap(extent, entry));
	const offset = entry.startBytes - (ranges[index]?.startBytes ?? 0);
	return `${entry.kind} ${parts[index]} +${offset / 512}, ${entry.sizeBytes / 512} sectors`;
}
