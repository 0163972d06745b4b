import { open } from "node:fs/promises";
import { join } from "node:path";

/**
 * Returns the last whole lines of a service's newest log file.
 * @returns "" if there is no log yet.
 */
export async function readLogTail(
	logDirectory: string,
	maxBytes: number,
): Promise<string> {
	const file = await open(join(logDirectory, "current")).catch(
		(error: NodeJS.ErrnoException) => {
			if (error.code === "ENOENT") return undefined;
			throw error;
		},
	);
	if (!file) return "";
	try {
		const { size } = await file.stat();
		const start = Math.max(0, size - maxBytes);
		const { buffer, bytesRead } = await file.read({
			buffer: Buffer.alloc(size - start),
			position: start,
		});
		const text = buffer.toString("utf8", 0, bytesRead);
		return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
	} finally {
		await file.close();
	}
}
