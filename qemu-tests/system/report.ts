import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { logDirectory, withLock } from "../machine/index.ts";

type Report = Record<string, Record<string, unknown>>;

/**
 * Adds figures for the release engineer to out/qemu-tests/report.json, next to those of other test files.
 */
export async function report(
	chapter: string,
	figures: Record<string, unknown>,
): Promise<void> {
	const path = join(logDirectory, "report.json");
	await withLock(`${path}.lock`, async () => {
		const known = await readFile(path, "utf8").catch(() => "{}");
		const all = JSON.parse(known) as Report;
		all[chapter] = { ...all[chapter], ...figures };
		await writeFile(path, `${JSON.stringify(all, undefined, "\t")}\n`);
	});
}
