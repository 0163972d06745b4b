import { buffer } from "node:stream/consumers";
import * as z from "zod";
import type { StreamOperation } from "../../operations/stream-operation.ts";
import { OperationError } from "../../shared/operation-error.ts";
import type { Updates } from "./updates.ts";
import { uploadPart } from "./upload-part.ts";

const name = "update-file";
/** A part of a file: small enough for 256 MB of memory and a slow line. */
const maxChunkBytes = 2 * 1024 * 1024;

const offset = z.object({ offset: z.coerce.number().int().min(0) });
const received = z.object({ receivedBytes: z.int() });

/** The ways to bring an update file. */
export function updateUploads(updates: Updates): StreamOperation[] {
	return [
		{
			name,
			summary:
				"Receives an update file, or the rest of it from `Content-Range` or `?offset=` on: what `curl -T` sends",
			method: "PUT",
			path: name,
			tokens: "administer",
			contentType: "*",
			query: offset.partial(),
			output: received,
			refuse: ({ headers, query }) =>
				updates.refuseUpload(uploadPart(headers, query)),
			handle: async (body, { headers, query }) => ({
				receivedBytes: await updates.receive(uploadPart(headers, query), body),
			}),
		},
		{
			name,
			summary:
				"The number of bytes of an update file that were received, for `curl -C`",
			method: "GET",
			path: `${name}/offset`,
			tokens: "read",
			output: z.string(),
			handle: async () => `${(await updates.status()).receivedBytes}\n`,
		},
		{
			name,
			summary:
				"Receives a part of an update file, whole or not at all; the answer tells from where to resume",
			method: "POST",
			path: name,
			tokens: "administer",
			contentType: "application/octet-stream",
			maxBytes: maxChunkBytes,
			query: offset,
			output: received,
			refuse({ headers, query }) {
				const isBytes = /^application\/octet-stream\b/i.test(
					headers["content-type"] ?? "",
				);
				if (!isBytes || !offset.safeParse(query).success)
					throw new OperationError(
						"invalid",
						"invalidInput",
						"Send a part of the file as application/octet-stream, with its ?offset=, or the whole file by PUT (curl -T FILE)",
					);
			},
			handle: async (body, { query }) => ({
				receivedBytes: await updates.upload(
					offset.parse(query).offset,
					await buffer(body),
				),
			}),
		},
	];
}
