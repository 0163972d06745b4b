import { readFile } from "node:fs/promises";

/** What is installed: the image's version, its build number, its target. */
export interface Release {
	version: string;
	build: number;
	target: string;
}

/** @returns undefined where there is no such file: the manager runs outside an image. */
export async function readRelease(file: string): Promise<Release | undefined> {
	try {
		return parseRelease(await readFile(file, "utf8"));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

/** @throws Error where the text is not `VERSION=…`, `BUILD=…`, `TARGET=…` in lines. */
export function parseRelease(text: string): Release {
	const values = new Map<string, string>();
	for (const line of text.split("\n")) {
		const [, name, value] = /^([A-Z_]+)="?(.*?)"?\s*$/.exec(line) ?? [];
		if (name !== undefined && value !== undefined) values.set(name, value);
	}
	const version = values.get("VERSION");
	const build = Number(values.get("BUILD"));
	const target = values.get("TARGET");
	if (!version || !target || !Number.isSafeInteger(build))
		throw new Error("The release file lacks VERSION, BUILD or TARGET");
	return { version, build, target };
}
