/** Both ends are inclusive. */
export interface ByteRange {
	first: number;
	last: number;
}

/**
 * @param header `Range`, RFC 9110, 14.1.2. Several ranges are ignored, as a server may.
 * @returns undefined if the whole content is to be sent, "none" if the range is not satisfiable.
 */
export function parseRange(
	header: string | undefined,
	sizeBytes: number,
): ByteRange | "none" | undefined {
	const [, from, to] = /^bytes=(\d*)-(\d*)$/i.exec(header ?? "") ?? [];
	if (from === undefined || to === undefined || from + to === "")
		return undefined;
	const end = sizeBytes - 1;
	const range =
		from === ""
			? { first: Math.max(0, sizeBytes - Number(to)), last: end }
			: { first: Number(from), last: Math.min(end, Number(to || end)) };
	if (from !== "" && to !== "" && Number(from) > Number(to)) return undefined;
	return range.first > range.last ? "none" : range;
}
