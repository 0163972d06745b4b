import { type CpuInfo, cpus } from "node:os";

const minCpuPeriodMs = 1_000;
const maxDisksAgeMs = 15_000;

/** CPU time since the machine started, summed over all cores. */
export interface CpuTime {
	busyMs: number;
	totalMs: number;
}

export function sumCpuTime(cores: Pick<CpuInfo, "times">[]): CpuTime {
	let idleMs = 0;
	let totalMs = 0;
	for (const { times } of cores) {
		idleMs += times.idle;
		totalMs += times.user + times.nice + times.sys + times.idle + times.irq;
	}
	return { busyMs: totalMs - idleMs, totalMs };
}

/** Returns the CPU use between two readings in percent, 0 to 100. */
export function busyPercent(earlier: CpuTime, later: CpuTime): number {
	const totalMs = later.totalMs - earlier.totalMs;
	if (totalMs <= 0) return 0;
	const percent = (100 * (later.busyMs - earlier.busyMs)) / totalMs;
	return Math.min(100, Math.max(0, percent));
}

/** Measures the CPU use over at least the last second, however often it is read. */
export class CpuMeter {
	#earlier: CpuTime = { busyMs: 0, totalMs: 0 };
	#readAtMs = 0;
	#percent = 0;

	percent(): number {
		const now = performance.now();
		if (this.#readAtMs === 0 || now - this.#readAtMs >= minCpuPeriodMs) {
			const later = sumCpuTime(cpus());
			this.#percent = busyPercent(this.#earlier, later);
			this.#earlier = later;
			this.#readAtMs = now;
		}
		return this.#percent;
	}
}

interface Disk {
	mountPoint: string;
	sizeBytes: number;
	usedBytes: number;
	freeBytes: number;
}

/** The partitions that the documentation names; all others are temporary file systems. */
const shownMountPoints = ["/mnt/sda2", "/", "/mnt/sda1"];

/** Measures the use of the partitions. Caches the figures, because each reading runs `df`. */
export class DiskMeter {
	#readAtMs = 0;
	#disks: Disk[] = [];

	async disks(): Promise<Disk[]> {
		const now = performance.now();
		if (this.#readAtMs === 0 || now - this.#readAtMs >= maxDisksAgeMs) {
			this.#disks = await readDisks();
			this.#readAtMs = now;
		}
		return this.#disks;
	}
}

async function readDisks(): Promise<Disk[]> {
	const { getDiskInfo } = await import("node-disk-info");
	const drives = await getDiskInfo();
	return drives
		.filter((drive) => shownMountPoints.includes(drive.mounted))
		.map((drive) => ({
			mountPoint: drive.mounted,
			// `df -P` counts in KiB.
			sizeBytes: drive.blocks * 1024,
			usedBytes: drive.used * 1024,
			freeBytes: drive.available * 1024,
		}));
}
