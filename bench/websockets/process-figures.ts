import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Returns the ids of a process and all its descendants. */
export function processTree(pid: number): number[] {
	const path = `/proc/${pid}/task/${pid}/children`;
	const children = readFileSync(path, "utf8").split(" ").filter(Boolean);
	return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** Returns the proportional set size: shared memory is counted once. */
function memoryBytes(pids: readonly number[]): number {
	return sumOf(pids, (pid) => {
		const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
		return Number(/^Pss: +(\d+) kB$/m.exec(rollup)?.[1]) * 1024;
	});
}

/** Returns the same once it is stable: garbage is collected and buffers are freed. */
export async function settledMemoryBytes(
	pids: readonly number[],
): Promise<number> {
	for (let before = memoryBytes(pids); ; ) {
		await delay(3_000);
		const now = memoryBytes(pids);
		if (Math.abs(now - before) < before / 200) return now;
		before = now;
	}
}

/** Returns the CPU time that processes have used so far. */
export function cpuMs(pids: readonly number[]): number {
	const msPerTick = 10; // USER_HZ is 100 on every Linux.
	return sumOf(pids, (pid) => {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		// The process name may contain anything and ends with the last bracket.
		const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		return (Number(fields[11]) + Number(fields[12])) * msPerTick;
	});
}

function sumOf(pids: readonly number[], figure: (pid: number) => number) {
	return pids.reduce((sum, pid) => sum + figure(pid), 0);
}
