import type { Console } from "../machine/index.ts";
import { outputOf } from "./steps.ts";

export type ProcessMemory = { command: string; kilobytes: number };

// Proportional: what processes share is counted once, so that the sum is what they take.
const perProcess = `for process in /proc/[0-9]*; do
	kilobytes=$(awk '/^Pss:/ { print $2 }' $process/smaps_rollup 2>/dev/null)
	[ -z "$kilobytes" ] || echo "$kilobytes $(tr '\\0' ' ' <$process/cmdline)"
done`;

/** The proportional memory of each process with memory of its own, largest first. */
export async function memoryOfProcesses(
	console: Console,
): Promise<ProcessMemory[]> {
	const lines = (await outputOf(console, perProcess)).trim().split("\n");
	return lines
		.map((line) => {
			const [kilobytes, ...command] = line.trim().split(" ");
			return { command: command.join(" "), kilobytes: Number(kilobytes) };
		})
		.sort((a, b) => b.kilobytes - a.kilobytes);
}

/** The line `name:` of /proc/meminfo, in kilobytes. */
export async function memoryInfo(
	console: Console,
	name: "MemTotal" | "MemAvailable" | "SwapTotal" | "SwapFree",
): Promise<number> {
	return Number(
		await outputOf(console, `awk '/^${name}:/ { print $2 }' /proc/meminfo`),
	);
}
