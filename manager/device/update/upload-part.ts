import type { IncomingHttpHeaders } from "node:http";
import * as z from "zod";
import { OperationError } from "../../shared/operation-error.ts";

/** The part of the file that a request contains. */
export interface UploadPart {
	offset: number;
	/** Of the whole file; undefined if the request does not say it. */
	totalBytes: number | undefined;
}

const query = z.object({
	offset: z.coerce.number().int().min(0).optional(),
});
const contentRange = /^bytes (\d+)-(\d+)\/(\d+|\*)$/;

/**
 * Parses which part a request announces: by `Content-Range`, as `curl --continue-at` does, or by
 * `?offset=`. Without both it is the whole file.
 * @throws OperationError if headers and query are invalid or contradict each other.
 */
export function parseUploadPart(
	headers: IncomingHttpHeaders,
	rawQuery: unknown,
): UploadPart {
	const { data } = query.safeParse(rawQuery);
	if (!data) throw invalid("?offset= is not a number of bytes");
	const lengthText = headers["content-length"];
	const length = lengthText === undefined ? undefined : Number(lengthText);
	const range = headers["content-range"];
	if (range === undefined) {
		const { offset = 0 } = data;
		return {
			offset,
			totalBytes: length === undefined ? undefined : offset + length,
		};
	}
	const [, first, last, total] = contentRange.exec(range) ?? [];
	const offset = Number(first);
	const endOffset = Number(last) + 1;
	const totalBytes = total === "*" ? undefined : Number(total);
	if (first === undefined || offset > endOffset)
		throw invalid(`"Content-Range: ${range}" is not of the form bytes A-B/C`);
	if (data.offset !== undefined && data.offset !== offset)
		throw invalid("?offset= and Content-Range differ");
	if (length !== undefined && length !== endOffset - offset)
		throw invalid("Content-Range and Content-Length differ");
	if (totalBytes !== undefined && totalBytes < endOffset)
		throw invalid(
			`"Content-Range: ${range}" extends beyond the end of the file`,
		);
	return { offset, totalBytes };
}

function invalid(message: string): OperationError {
	return new OperationError("invalid", "invalidInput", message);
}
