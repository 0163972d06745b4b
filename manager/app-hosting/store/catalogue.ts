import * as z from "zod";
import { filePath, freeName, plainName } from "../services/service.ts";

export const mostFilesOfAnApp = 500;

const text = z.string().max(10_000).default("");

/** An app in a store's apps.json; fields that we do not know are left out (facts §6). */
const storeApp = z.object({
	id: plainName,
	folder: freeName,
	binary: freeName,
	versions: z
		.array(
			z.object({
				build: z.coerce.string().pipe(plainName),
				label: z.coerce.string().max(100).default(""),
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
	.max(mostFilesOfAnApp)
	.refine(
		(paths) =>
			new Set(paths).size === paths.length &&
			!paths.some((path) => paths.some((one) => one.startsWith(`${path}/`))),
		{ error: "has a file twice, or as the folder of another" },
	);

/** The content of `<build>/<id>_files`: paths with commas between them, no blanks. */
export function parseFileList(content: string): string[] {
	return fileList.parse(content.trim().split(","));
}

/** Lines of `<build>/<id>_sha256`: sum, two blanks, `<target>/<folder>/<file>`. */
export function parseSums(content: string): Map<string, string> {
	return new Map(
		content
			.trim()
			.split("\n")
			.map((line) => {
				const [, sum, path] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
				if (sum === undefined || path === undefined)
					throw new Error(`no checksum: ${line.slice(0, 100)}`);
				return [path, sum];
			}),
	);
}
