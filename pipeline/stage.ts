import { appendFileSync } from "node:fs";
import { rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { $, type Shell } from "zx";
import { cacheSubfolder, pruneResults, workFolder } from "./cache.ts";
import { codeOf } from "./code.ts";
import { hashOfInputs, type Inputs } from "./hash.ts";

/** One step of the pipeline: a function from inputs to a folder named by the inputs' hash. */
export interface Stage {
	name: string;
	/**
	 * The module that makes it (`import.meta.filename`): its code and all that it imports are inputs, found by
	 * their imports.
	 */
	module: string;
	/** What else the result depends on: results of other stages, contents of files, options, tools. */
	inputs: Inputs;
	make(work: StageWork): Promise<void>;
}

export interface StageWork {
	/** Empty folder to fill; what is in it when `make` returns is the result. */
	folder: string;
	/** zx's shell: runs in the folder, its output goes to the stage's log. */
	$: Shell;
	/** Says in a few words what is going on now. */
	report(text: string): void;
}

export interface StageResult {
	name: string;
	folder: string;
	/** The hash of the inputs: an input of the stages that use this result. */
	key: string;
	fromCache: boolean;
	durationMs: number;
}

export interface StageOptions {
	/** false: makes the stage anew even when its result is there. */
	useCache: boolean;
	report(text: string): void;
}

/** A stage failed; `logPath` has all that its commands printed. */
export class StageError extends Error {
	override name = "StageError";
	readonly logPath: string;

	constructor(stage: string, logPath: string, cause: unknown) {
		super(`the stage "${stage}" failed`, { cause });
		this.logPath = logPath;
	}
}

/**
 * Takes a stage's result from the cache, or makes it in a temporary folder that is renamed
 * when complete: a build that is interrupted leaves nothing that looks finished.
 * Throws StageError.
 */
export async function runStage(
	stage: Stage,
	options: StageOptions,
): Promise<StageResult> {
	const startMs = performance.now();
	const key = await stageKey(stage);
	const id = stage.name.replaceAll(/[^\w-]+/g, "-");
	const stageFolder = await cacheSubfolder("stages", id);
	const folder = join(stageFolder, key.slice(0, 32));
	const finished = (fromCache: boolean): StageResult => ({
		name: stage.name,
		folder,
		key,
		fromCache,
		durationMs: performance.now() - startMs,
	});

	if (options.useCache && (await exists(folder))) {
		const now = new Date();
		await utimes(folder, now, now);
		return finished(true);
	}

	const logPath = join(await cacheSubfolder("logs"), `${id}.log`);
	await rm(logPath, { force: true });
	const work = await workFolder(stageFolder);
	try {
		await stage.make({
			folder: work,
			$: loggingShell(work, logPath),
			report: options.report,
		});
		await rm(folder, { recursive: true, force: true });
		await rename(work, folder);
	} catch (error) {
		await rm(work, { recursive: true, force: true });
		appendFileSync(
			logPath,
			`${error instanceof Error ? error.stack : error}\n`,
		);
		throw new StageError(stage.name, logPath, error);
	}
	await pruneResults(stageFolder, key.slice(0, 32));
	return finished(false);
}

/** SHA-256 of all that a stage's result depends on, in hex. */
export async function stageKey({
	module,
	inputs,
}: Pick<Stage, "module" | "inputs">): Promise<string> {
	return hashOfInputs({ ...inputs, code: await codeOf(module) });
}

function loggingShell(cwd: string, logPath: string): Shell {
	return $({
		cwd,
		quiet: true,
		env: {
			...process.env,
			// Debian gives users no sbin, where mkfs and sfdisk are.
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
