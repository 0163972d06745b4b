import { readFile } from "node:fs/promises";

/** Version, build number and target of a system. */
export interface Release {
	version: string;
	build: number;
	/** The lowest build that may replace this one; undefined if every build may. */
	minimumBuild?: number | undefined;
	target: string;
}

/** @returns undefined if there is no such file: the manager runs outside an image. */
export async function readRelease(file: string): Promise<Release | undefined> {
	try {
		return parseRelease(await readFile(file, "utf8"));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

/** @throws Error if the text lacks a line `VERSION=…`, `BUILD=…` or `TARGET=…`. */
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
	const minimum = values.get("MINIMUM_BUILD");
	if (minimum === undefined) return { version, build, target };
	const minimumBuild = Number(minimum);
	if (!Number.isSafeInteger(minimumBuild))
		throw new Error("MINIMUM_BUILD in the release file is not a number");
	return { version, build, minimumBuild, target };
}
