import { appendFileSync } from "node:fs";
import { rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { $, type Shell } from "zx";
import { cacheSubdirectory, makeWorkDirectory, pruneResults } from "./cache.ts";
import { codeInputs } from "./code.ts";
import { hashOfInputs, type Inputs } from "./hash.ts";

/** One step of the pipeline: makes a directory from inputs and names it by their hash. */
export interface Stage {
	name: string;
	/**
	 * The module that defines the stage (`import.meta.filename`): its code and all modules that it imports
	 * are inputs.
	 */
	module: string;
	/** What else the result depends on: results of other stages, files, options, tools. */
	inputs: Inputs;
	make(work: StageWork): Promise<void>;
}

export interface StageWork {
	/** An empty directory; its contents after `make` are the result. */
	directory: string;
	/** zx's shell: runs in the directory and logs to the stage's log. */
	$: Shell;
	/** Reports the current step in a few words. */
	report(text: string): void;
}

export interface StageResult {
	name: string;
	directory: string;
	/** Hash of the inputs: an input of the stages that use this result. */
	key: string;
	fromCache: boolean;
	durationMs: number;
}

export interface StageOptions {
	/** false: makes the stage even if its result is in the cache. */
	useCache: boolean;
	report(text: string): void;
}

/** A stage failed; the log at `logPath` has the output of its commands. */
export class StageError extends Error {
	override name = "StageError";
	readonly logPath: string;

	constructor(stage: string, logPath: string, cause: unknown) {
		super(`the stage "${stage}" failed`, { cause });
		this.logPath = logPath;
	}
}

/**
 * Takes a stage's result from the cache, or makes it in a temporary directory that is renamed when
 * complete: an interrupted build leaves nothing that looks finished.
 * @throws StageError
 */
export async function runStage(
	stage: Stage,
	options: StageOptions,
): Promise<StageResult> {
	const startMs = performance.now();
	const key = await stageKey(stage);
	const id = stage.name.replaceAll(/[^\w-]+/g, "-");
	const stageDirectory = await cacheSubdirectory("stages", id);
	const directory = join(stageDirectory, key.slice(0, 32));
	const finished = (fromCache: boolean): StageResult => ({
		name: stage.name,
		directory,
		key,
		fromCache,
		durationMs: performance.now() - startMs,
	});

	if (options.useCache && (await exists(directory))) {
		const now = new Date();
		await utimes(directory, now, now);
		return finished(true);
	}

	const logPath = join(await cacheSubdirectory("logs"), `${id}.log`);
	await rm(logPath, { force: true });
	const work = await makeWorkDirectory(stageDirectory);
	try {
		await stage.make({
			directory: work,
			$: loggingShell(work, logPath),
			report: options.report,
		});
		await rm(directory, { recursive: true, force: true });
		await rename(work, directory);
	} catch (error) {
		await rm(work, { recursive: true, force: true });
		appendFileSync(
			logPath,
			`${error instanceof Error ? error.stack : error}\n`,
		);
		throw new StageError(stage.name, logPath, error);
	}
	await pruneResults(stageDirectory, key.slice(0, 32));
	return finished(false);
}

/** SHA-256 of everything that a stage's result depends on, in hex. */
export async function stageKey({
	module,
	inputs,
}: Pick<Stage, "module" | "inputs">): Promise<string> {
	return hashOfInputs({ ...inputs, code: await codeInputs(module) });
}

function loggingShell(cwd: string, logPath: string): Shell {
	return $({
		cwd,
		quiet: true,
		env: {
			...process.env,
			// On Debian, a user's PATH lacks sbin, where mkfs and sfdisk are.
			PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
			LC_ALL: "C.UTF-8",
			TZ: "UTC",
		},
		log: (entry) => {
			if (entry.kind === "cmd") appendFileSync(logPath, `$ ${entry.cmd}\n`);
			if (entry.kind === "stdout" || entry.kind === "stderr")
				appendFileSync(logPath, entry.data);
		},
	});
}

async function exists(path: string): Promise<boolean> {
	return stat(path).then(
		() => true,
		() => false,
	);
}
