import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { $, quote } from "zx";

/** A tool of the host failed: says what was run, where, and what it printed. */
export class ToolError extends Error {
	override name = "ToolError";
}

export interface ToolPlace {
	cwd?: string;
	/** The tools' clock, in seconds since 1970, where they take one. */
	epochSeconds?: number;
}

type Argument = string | number | string[];

/**
 * Returns a template tag that runs one command and gives back its standard output:
 * await toolsIn({ cwd })`qemu-img info ${path}`. Throws ToolError.
 */
export function toolsIn({ cwd = process.cwd(), epochSeconds }: ToolPlace = {}) {
	const clock =
		epochSeconds === undefined
			? {}
			: {
					SOURCE_DATE_EPOCH: String(epochSeconds),
					E2FSPROGS_FAKE_TIME: String(epochSeconds),
				};
	const shell = $({
		cwd,
		quiet: true,
		nothrow: true,
		quote,
		prefix: "set -euo pipefail;",
		env: {
			...process.env,
			// Debian gives users no sbin, where tune2fs and mkfs are.
			PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
			LC_ALL: "C.UTF-8",
			TZ: "UTC",
			...clock,
		},
	});
	return async (
		pieces: TemplateStringsArray,
		...values: Argument[]
	): Promise<string> => {
		const running = shell(
			pieces,
			...values.map((value) => (Array.isArray(value) ? value : String(value))),
		);
		const result = await running;
		if (result.exitCode === 0) return result.stdout;
		throw new ToolError(
			[
				`${running.cmd}`,
				`  in ${cwd}: ${result.signal ? `signal ${result.signal}` : `exit code ${result.exitCode}`}`,
				`${result.stdout}${result.stderr}`.trimEnd(),
			].join("\n"),
		);
	};
}

/**
 * Runs `work` with an empty folder next to `outputPath` (so that a rename from one to the
 * other is possible), and removes the folder afterwards, also after an error.
 */
export async function withWorkFolder<Result>(
	outputPath: string,
	work: (folder: string) => Promise<Result>,
): Promise<Result> {
	const parent = dirname(resolve(outputPath));
	await mkdir(parent, { recursive: true });
	const folder = await mkdtemp(join(parent, ".work-"));
	try {
		return await work(folder);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
