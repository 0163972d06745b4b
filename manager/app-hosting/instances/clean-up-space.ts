import { formatBytes } from "../../shared/format.ts";

/**
 * PostgreSQL rewrites a table next to the old one and writes the same amount into its write-ahead
 * log, which it keeps up to a limit.
 * @returns an error message if the disk has not enough space for that.
 */
export function missingSpaceMessage({
	largestTableBytes,
	maxWalBytes,
	freeBytes,
}: {
	largestTableBytes: number;
	maxWalBytes: number;
	freeBytes: number;
}): string | undefined {
	const neededBytes =
		largestTableBytes + Math.min(largestTableBytes, maxWalBytes);
	if (neededBytes <= freeBytes) return undefined;
	return `The largest table has ${formatBytes(largestTableBytes)}: rewriting it needs ${formatBytes(neededBytes)}, but only ${formatBytes(freeBytes)} are free`;
}
