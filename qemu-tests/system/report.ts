import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Console, logDirectory, withLock } from "../machine/index.ts";
import { outputOf } from "./steps.ts";

type Report = Record<string, Record<string, unknown>>;

/**
 * Adds figures for the release engineer to out/qemu-tests/report.json, next to those of other test files.
 */
export async function report(
	chapter: string,
	figures: Record<string, unknown>,
): Promise<void> {
	const path = join(logDirectory, "report.json");
	await withLock(`${path}.lock`, async () => {
		const known = await readFile(path, "utf8").catch(() => "{}");
		const all = JSON.parse(known) as Report;
		all[chapter] = { ...all[chapter], ...figures };
		await writeFile(path, `${JSON.stringify(all, undefined, "\t")}\n`);
	});
}

type ProcessMemory = { command: string; kilobytes: number };

// Proportional set size: shared memory is counted once, so that the sum is the total use.
const perProcess = `for process in /proc/[0-9]*; do
	kilobytes=$(awk '/^Pss:/ { print $2 }' $process/smaps_rollup 2>/dev/null)
	[ -z "$kilobytes" ] || echo "$kilobytes $(tr '\\0' ' ' <$process/cmdline)"
done`;

/** Returns the proportional memory of each process that has any, largest first. */
async function memoryOfProcesses(console: Console): Promise<ProcessMemory[]> {
	const lines = (await outputOf(console, perProcess)).trim().split("\n");
	return lines
		.map((line) => {
			const [kilobytes, ...command] = line.trim().split(" ");
			return { command: command.join(" "), kilobytes: Number(kilobytes) };
		})
		.sort((a, b) => b.kilobytes - a.kilobytes);
}

/** Returns the use of memory by process, for the report. */
export async function memoryFigures(console: Console) {
	return {
		totalKilobytes: await memoryInfo(console, "MemTotal"),
		availableKilobytes: await memoryInfo(console, "MemAvailable"),
		swapUsedKilobytes:
			(await memoryInfo(console, "SwapTotal")) -
			(await memoryInfo(console, "SwapFree")),
		processes: await memoryOfProcesses(console),
	};
}

/** Returns the value of `name:` in /proc/meminfo, in kilobytes. */
async function memoryInfo(
	console: Console,
	name: "MemTotal" | "MemAvailable" | "SwapTotal" | "SwapFree",
): Promise<number> {
	return Number(
		await outputOf(console, `awk '/^${name}:/ { print $2 }' /proc/meminfo`),
	);
}
