import * as z from "zod";
import { filePath, freeName, plainName } from "../services/service.ts";

export const maxFilesPerApp = 500;

const text = z.string().max(10_000).default("");

/** An app in a store's apps.json; unknown fields are ignored (facts §6). */
const storeApp = z.object({
	id: plainName,
	folder: freeName,
	binary: freeName,
	versions: z
		.array(
			z.object({
				build: z.coerce.string().pipe(plainName),
				label: z.coerce.string().max(100).default(""),
				/** SHA-256 of `<build>/<id>_sha256`, so that a signature of apps.json covers all files. */
				sums: z
					.string()
					.regex(/^[0-9a-f]{64}$/)
					.optional(),
			}),
		)
		.min(1),
	title: z.string().min(1).max(200),
	description: text,
	manufacturer: text,
});
export type StoreApp = z.output<typeof storeApp>;

export const catalogue = z.object({ apps: z.array(storeApp).max(10_000) });

const fileList = z
	.array(filePath)
	.min(1)
	.max(maxFilesPerApp)
	.refine(
		(paths) =>
			new Set(paths).size === paths.length &&
			!paths.some((path) => paths.some((one) => one.startsWith(`${path}/`))),
		{ error: "has a file twice, or a file that is also a directory" },
	);

/** @param content of `<build>/<id>_files`: paths separated by commas, without spaces. */
export function parseFileList(content: string): string[] {
	return fileList.parse(content.trim().split(","));
}

/**
 * Returns checksums by path.
 * @param content of `<build>/<id>_sha256`: lines of checksum, two spaces, `<target>/<folder>/<file>`.
 */
export function parseSums(content: string): Map<string, string> {
	return new Map(
		content
			.trim()
			.split("\n")
			.map((line) => {
				const [, sum, path] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
				if (sum === undefined || path === undefined)
					throw new Error(`not a checksum line: ${line.slice(0, 100)}`);
				return [path, sum];
			}),
	);
}
