import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { $, quote } from "zx";

/** A host tool failed; the message has the command, its directory and its output. */
export class ToolError extends Error {
	override name = "ToolError";
}

export interface ToolOptions {
	cwd?: string;
	/** The tools' clock, in seconds since 1970, for tools that support one. */
	epochSeconds?: number;
}

type Argument = string | number | string[];

/**
 * Returns a template tag that runs one command and resolves to its standard output:
 * await toolsIn({ cwd })`qemu-img info ${path}`. It throws ToolError.
 */
export function toolsIn({
	cwd = process.cwd(),
	epochSeconds,
}: ToolOptions = {}) {
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
			// On Debian, a user's PATH lacks sbin, where tune2fs and mkfs are.
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
 * Runs `work` with an empty directory next to `outputPath`, so that files can be renamed to it. Removes the
 * directory afterwards, even after an error.
 */
export async function withWorkDirectory<Result>(
	outputPath: string,
	work: (directory: string) => Promise<Result>,
): Promise<Result> {
	const parent = dirname(resolve(outputPath));
	await mkdir(parent, { recursive: true });
	const directory = await mkdtemp(join(parent, ".work-"));
	try {
		return await work(directory);
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}
