import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { constants, Script } from "node:vm";

/**
 * Speeds up the next start of a program. Preloaded with `node --require`, it saves the code that V8 has compiled in
 * a file NAME.cache beside the program or in COMPILE_CACHE_DIRECTORY. Delete that file when you replace the program.
 * Node has this built in from version 22 on (`module.enableCompileCache`).
 */

/**
 * A program that crashes because of its cache has crashed before this time, and one that loads in portions has called
 * all that a start needs, also on a slow machine.
 */
const settledAfterMs = 60_000;

type Loaded = NodeJS.Module & {
	_compile(source: string, file: string): unknown;
};
const loader = Module.prototype as unknown as Loaded;
const compile = loader._compile;
loader._compile = runFromCache;

function runFromCache(this: Loaded, source: string, file: string): unknown {
	// Not what the program requires, nor what its worker threads run.
	if (this !== process.mainModule) return compile.call(this, source, file);
	loader._compile = compile;
	const directory = process.env.COMPILE_CACHE_DIRECTORY ?? dirname(file);
	const cache = join(directory, `${basename(file)}.cache`);
	// The cache is renamed while the program starts: after a crash, the next start does without it.
	const tried = `${cache}.tried`;
	const cachedData = takeCache(cache, tried);
	const script = new Script(Module.wrap(source.replace(/^#!.*/, "")), {
		filename: file,
		...(cachedData ? { cachedData } : {}),
		importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
	});
	const isGood = cachedData !== undefined && !script.cachedDataRejected;

	let isSaved = false;
	function saveCache(): void {
		if (isSaved) return;
		isSaved = true;
		try {
			// Includes all functions called so far; V8 compiles a function at its first call.
			if (!isGood)
				writeFileSync(tried, script.createCachedData(), { flush: true });
			renameSync(tried, cache);
		} catch {
			// The disk is full: without a cache the start takes longer.
			rmSync(tried, { force: true });
		}
	}
	setTimeout(saveCache, settledAfterMs).unref();
	process.once("exit", (code) => {
		if (code === 0) saveCache();
	});

	const run = script.runInThisContext() as (...args: unknown[]) => unknown;
	const { exports } = this;
	const require = createRequire(file);
	return run.call(exports, exports, require, this, file, dirname(file));
}

/** Renames and reads the cache; returns undefined if there is none. */
function takeCache(cache: string, tried: string): Buffer | undefined {
	try {
		renameSync(cache, tried);
		return readFileSync(tried);
	} catch {
		return undefined;
	}
}
