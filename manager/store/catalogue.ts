import * as z from "zod";
import { freeName, plainName } from "../services/service.ts";

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

/** The content of `<build>/<id>_files`: names with commas between them, no blanks. */
export function parseFileList(content: string): string[] {
	return z.array(freeName).min(1).max(100).parse(content.trim().split(","));
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
