import { open } from "node:fs/promises";
import { join } from "node:path";

/**
 * The last lines of what a service has printed: whole lines of its newest file.
 * @returns "" where it has printed nothing yet.
 */
export async function readLogEnd(
	logFolder: string,
	mostBytes: number,
): Promise<string> {
	const file = await open(join(logFolder, "current")).catch(
		(error: NodeJS.ErrnoException) => {
			if (error.code === "ENOENT") return undefined;
			throw error;
		},
	);
	if (!file) return "";
	try {
		const { size } = await file.stat();
		const start = Math.max(0, size - mostBytes);
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
