import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { dirname } from "node:path";
import { constants, Script } from "node:vm";
import { isMainThread } from "node:worker_threads";

/**
 * Loaded before a program (`node --require`), keeps what V8 has compiled of it in a file beside it, NAME.cache, for
 * its next start. Whoever replaces the program deletes that file. From version 22 on, Node does it itself
 * (`module.enableCompileCache`).
 */

/** A program that crashes by what the file says has done so by then. */
const settledAfterMs = 20_000;

type Loaded = NodeJS.Module & {
	_compile(source: string, file: string): unknown;
};
const loader = Module.prototype as unknown as Loaded;
const compile = loader._compile;
if (isMainThread) loader._compile = runFromCache;

function runFromCache(this: Loaded, source: string, file: string): unknown {
	loader._compile = compile; // Only the program itself.
	const cache = `${file}.cache`;
	// Should the program crash, it starts without.
	const tried = `${cache}.tried`;
	const cachedData = take(cache, tried);
	const script = new Script(Module.wrap(source.replace(/^#!.*/, "")), {
		filename: file,
		...(cachedData ? { cachedData } : {}),
		importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
	});
	const isGood = cachedData !== undefined && !script.cachedDataRejected;

	let isKept = false;
	function keep(): void {
		if (isKept) return;
		isKept = true;
		try {
			// What has run by now is in it, functions included that are compiled when they are first called.
			if (!isGood)
				writeFileSync(tried, script.createCachedData(), { flush: true });
			renameSync(tried, cache);
		} catch {
			// There is no room: without it the start takes longer.
			rmSync(tried, { force: true });
		}
	}
	setTimeout(keep, settledAfterMs).unref();
	process.once("exit", (code) => {
		if (code === 0) keep();
	});

	const run = script.runInThisContext() as (...args: unknown[]) => unknown;
	const { exports } = this;
	const require = createRequire(file);
	return run.call(exports, exports, require, this, file, dirname(file));
}

/** @returns nothing where there is none. */
function take(cache: string, tried: string): Buffer | undefined {
	try {
		renameSync(cache, tried);
		return readFileSync(tried);
	} catch {
		return undefined;
	}
}
