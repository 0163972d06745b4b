import { getDiskInfo } from "node-disk-info";

export interface Disk {
	mountPoint: string;
	sizeBytes: number;
	usedBytes: number;
	freeBytes: number;
}

/** The partitions that the documentation names; all others are temporary file systems. */
const shownMountPoints = ["/mnt/sda2", "/", "/mnt/sda1"];

const maxAgeMs = 15_000;

/** Measures the use of the partitions. Caches the figures, because each reading runs `df`. */
export class DiskMeter {
	#readAtMs = 0;
	#disks: Disk[] = [];

	async disks(): Promise<Disk[]> {
		const now = performance.now();
		if (this.#readAtMs === 0 || now - this.#readAtMs >= maxAgeMs) {
			this.#disks = await readDisks();
			this.#readAtMs = now;
		}
		return this.#disks;
	}
}

async function readDisks(): Promise<Disk[]> {
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
