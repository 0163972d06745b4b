import { Failure, post } from "./api.ts";

const chunkBytes = 1024 * 1024;
const pauseMs = 2_000;
const mostFailures = 30;
/** 507: the disk has no room. */
const isFinal = (status: number) => status < 500 || status === 507;

/**
 * Sends a file in parts. A part that does not arrive is sent again, from what the device has.
 * @param progress told of the bytes that are there.
 * @throws Failure where the manager refuses it, or does not answer for a minute.
 */
export async function uploadUpdate(
	file: File,
	progress: (bytes: number) => void,
): Promise<void> {
	let failures = 0;
	for (let offset = 0; offset < file.size; ) {
		const end = Math.min(offset + chunkBytes, file.size);
		const query = `offset=${offset}&totalBytes=${file.size}`;
		const response = await fetch(`/manager/api/update-file?${query}`, {
			method: "POST",
			headers: { "content-type": "application/octet-stream" },
			body: file.slice(offset, end),
		}).catch(() => undefined);
		const answer = await response?.json().catch(() => undefined);
		if (response?.ok && answer) {
			offset = answer.receivedBytes;
			failures = 0;
			progress(offset);
		} else if (response && isFinal(response.status) && answer) {
			throw new Failure(answer.error.code, answer.error.message);
		} else {
			failures += 1;
			if (failures > mostFailures)
				throw new Failure("unreachable", "The manager does not answer.");
			await new Promise((resolve) => setTimeout(resolve, pauseMs));
			// Perhaps it did arrive, and only the answer was lost.
			const there = await post("updateStatus").catch(() => undefined);
			if (there?.receivedBytes === end) {
				offset = end;
				progress(offset);
			}
		}
	}
}
