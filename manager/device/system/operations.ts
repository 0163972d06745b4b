import { availableParallelism, freemem, totalmem, uptime } from "node:os";
import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import { readRelease } from "./release.ts";
import { CpuMeter, DiskMeter } from "./usage.ts";

const systemStatus = z.object({
	manager: z.object({
		version: z.string(),
		build: z.int(),
		uptimeSeconds: z.number(),
		memoryBytes: z.number(),
	}),
	/** Null if the manager runs outside an image. */
	release: z
		.object({ version: z.string(), build: z.int(), target: z.string() })
		.nullable(),
	uptimeSeconds: z.number(),
	cpu: z.object({ cores: z.int(), busyPercent: z.number() }),
	memory: z.object({ sizeBytes: z.number(), availableBytes: z.number() }),
	disks: z.array(
		z.object({
			mountPoint: z.string(),
			sizeBytes: z.number(),
			usedBytes: z.number(),
			freeBytes: z.number(),
		}),
	),
});

export type SystemStatus = z.output<typeof systemStatus>;

export function systemOperations(releaseFile: string) {
	const cpu = new CpuMeter();
	const disk = new DiskMeter();
	return [
		defineOperation({
			name: "systemStatus",
			summary: "Returns version, uptime and use of CPU, memory and disks",
			permission: "administrator",
			tokens: "read",
			live: { everyMs: 2_000 },
			input: z.strictObject({}),
			output: systemStatus,
			handle: async () => ({
				manager: {
					version: MANAGER_VERSION,
					build: MANAGER_BUILD,
					uptimeSeconds: process.uptime(),
					memoryBytes: process.memoryUsage.rss(),
				},
				release: (await readRelease(releaseFile)) ?? null,
				uptimeSeconds: uptime(),
				cpu: { cores: availableParallelism(), busyPercent: cpu.percent() },
				// On Linux `freemem` is the memory available to programs, including caches.
				memory: { sizeBytes: totalmem(), availableBytes: freemem() },
				disks: await disk.disks(),
			}),
		}),
	];
}
