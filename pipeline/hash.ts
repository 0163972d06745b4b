import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** What a stage's result depends on; files are represented by their hash, see hashOfPaths. */
export type Inputs = { [name: string]: Input };
export type Input = string | number | boolean | Input[] | Inputs;

/** Large, because disk images have many gigabytes, most of them holes. */
const READ_BYTES = 4 * 1024 * 1024;

/** SHA-256 of a file's content, in hex. */
export async function hashOfFile(path: string): Promise<string> {
	const hash = createHash("sha256");
	await pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), hash);
	return hash.digest("hex");
}

/**
 * SHA-256 over files and directories: names, contents, link targets and the executable bit. Git keeps
 * exactly these, so a fresh clone gives the same hash.
 */
export async function hashOfPaths(...paths: string[]): Promise<string> {
	const hash = createHash("sha256");
	for (const path of paths)
		for await (const line of describe(path, "")) hash.update(`${line}\n`);
	return hash.digest("hex");
}

async function* describe(path: string, name: string): AsyncGenerator<string> {
	const stats = await lstat(path);
	if (stats.isSymbolicLink()) yield `link ${name} ${await readlink(path)}`;
	else if (stats.isDirectory()) {
		for (const entry of (await readdir(path)).sort())
			yield* describe(join(path, entry), `${name}/${entry}`);
	} else {
		const executable = stats.mode & 0o100 ? "x" : "-";
		yield `file ${name} ${executable} ${await hashOfFile(path)}`;
	}
}

/** SHA-256 over inputs, independent of their order. */
export function hashOfInputs(inputs: Inputs): string {
	return createHash("sha256").update(canonical(inputs)).digest("hex");
}

function canonical(input: Input): string {
	if (Array.isArray(input)) return `[${input.map(canonical).join(",")}]`;
	if (typeof input === "object") {
		const entries = Object.keys(input)
			.sort()
			.map((key) => `${JSON.stringify(key)}:${canonical(input[key] as Input)}`);
		return `{${entries.join(",")}}`;
	}
	return JSON.stringify(input);
}
