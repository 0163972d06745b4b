import { buffer } from "node:stream/consumers";
import * as z from "zod";
import type { StreamOperation } from "../../operations/stream-operation.ts";
import { OperationError } from "../../shared/operation-error.ts";
import type { Updates } from "./updates.ts";
import { parseUploadPart } from "./upload-part.ts";

const name = "update-file";
/** Small enough for 256 MB of memory and a slow connection. */
const maxChunkBytes = 2 * 1024 * 1024;

const offset = z.object({ offset: z.coerce.number().int().min(0) });
const partQuery = offset.extend({
	/** Of the whole file. */
	totalBytes: z.coerce.number().int().min(0).optional(),
});
const received = z.object({ receivedBytes: z.int() });

/** The operations that upload an update file. */
export function updateUploads(updates: Updates): StreamOperation[] {
	return [
		{
			name,
			summary:
				"Receives an update file as `curl -T` sends it, or the rest of it after an interruption (`Content-Range` or `?offset=`)",
			method: "PUT",
			path: name,
			tokens: "administer",
			contentType: "*",
			query: offset.partial(),
			output: received,
			refuse: ({ headers, query }) =>
				updates.assertCanUpload(parseUploadPart(headers, query)),
			handle: async (body, { headers, query }) => ({
				receivedBytes: await updates.receive(
					parseUploadPart(headers, query),
					body,
				),
			}),
		},
		{
			name,
			summary:
				"Returns how many bytes of an update file were received, for `curl -C`",
			method: "GET",
			path: `${name}/offset`,
			tokens: "read",
			output: z.string(),
			handle: async () => `${(await updates.status()).receivedBytes}\n`,
		},
		{
			name,
			summary:
				"Receives a part of an update file, completely or not at all; returns the offset of the next part",
			method: "POST",
			path: name,
			tokens: "administer",
			contentType: "application/octet-stream",
			maxBytes: maxChunkBytes,
			query: partQuery,
			output: received,
			async refuse({ headers, query }) {
				const isBytes = /^application\/octet-stream\b/i.test(
					headers["content-type"] ?? "",
				);
				const { data } = partQuery.safeParse(query);
				if (!isBytes || !data)
					throw new OperationError(
						"invalid",
						"invalidInput",
						"Send a part of the file as application/octet-stream, with its ?offset=, or the whole file by PUT (curl -T FILE)",
					);
				if (data.offset === 0)
					await updates.assertCanUpload({ totalBytes: undefined, ...data });
			},
			handle: async (body, { query }) => ({
				receivedBytes: await updates.addChunk(
					offset.parse(query).offset,
					await buffer(body),
				),
			}),
		},
	];
}
