import { formatBytes } from "../../shared/format.ts";

/**
 * PostgreSQL writes a table anew beside the old one, and the same into its write-ahead log, of
 * which it keeps up to a limit.
 * @returns what to say where that does not fit on the disk.
 */
export function missingRoom({
	largestTableBytes,
	longestLogBytes,
	freeBytes,
}: {
	largestTableBytes: number;
	longestLogBytes: number;
	freeBytes: number;
}): string | undefined {
	const neededBytes =
		largestTableBytes + Math.min(largestTableBytes, longestLogBytes);
	if (neededBytes <= freeBytes) return undefined;
	return `The largest table has ${formatBytes(largestTableBytes)}, and to write it anew ${formatBytes(neededBytes)} are needed: only ${formatBytes(freeBytes)} are free`;
}
