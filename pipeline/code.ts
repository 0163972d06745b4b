import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { hashOfFile, type Inputs } from "./hash.ts";

const projectDirectory = dirname(import.meta.dirname);

/** Paths of source files in the project, and names of the packages that they import. */
interface ImportGraph {
	files: string[];
	packages: string[];
}

/**
 * Returns what the behaviour of modules depends on: a hash of their sources and of all that they import,
 * directly or not, and the versions of the imported npm packages. Types are left out, because they
 * change no result.
 * @param modules paths of TypeScript files or style sheets.
 * @throws Error where a module cannot be parsed or found.
 */
export async function codeInputs(...modules: string[]): Promise<Inputs> {
	const { files, packages } = await importGraph(modules);
	const hash = createHash("sha256");
	for (const file of files)
		hash.update(`${file} ${await hashOfFile(join(projectDirectory, file))}\n`);
	return {
		sources: hash.digest("hex"),
		packages: await lockedVersions(packages),
	};
}

/** @throws Error where a module cannot be parsed or found. */
export async function importGraph(
	modules: readonly string[],
): Promise<ImportGraph> {
	const { metafile } = await build({
		entryPoints: [...modules],
		absWorkingDir: projectDirectory,
		bundle: true,
		metafile: true,
		write: false,
		outdir: "out",
		platform: "node",
		format: "esm",
		packages: "external",
		alias: { "app-platform-sdk": "./sdk/index.ts" },
		logLevel: "silent", // Errors are thrown.
	});
	const inputs = Object.entries(metafile.inputs);
	const imported = inputs
		.flatMap(([, { imports }]) => imports)
		.filter(({ external, path }) => external && !path.startsWith("node:"))
		.map(({ path }) => packageName(path));
	return {
		files: inputs.map(([path]) => path).sort(),
		packages: [...new Set(imported)].sort(),
	};
}

/** Returns `@scope/name` or `name` from a path into a package. */
function packageName(path: string): string {
	const parts = path.split("/");
	return parts.slice(0, path.startsWith("@") ? 2 : 1).join("/");
}

interface LockedPackage {
	version: string;
	dependencies?: Record<string, string>;
	optionalDependencies?: Record<string, string>;
}

/** Returns the versions of packages and of all their dependencies, by their paths in package-lock.json. */
async function lockedVersions(
	names: readonly string[],
): Promise<Record<string, string>> {
	const text = await readFile(
		join(projectDirectory, "package-lock.json"),
		"utf8",
	);
	const { packages } = JSON.parse(text) as {
		packages: Record<string, LockedPackage>;
	};
	const versions: Record<string, string> = {};
	const add = (name: string, from: string) => {
		// A package's own copy takes precedence over the shared one.
		const path = [`${from}/node_modules/${name}`, `node_modules/${name}`].find(
			(candidate) => candidate in packages,
		);
		const locked = path && packages[path];
		if (!locked || path in versions) return;
		versions[path] = locked.version;
		const { dependencies, optionalDependencies } = locked;
		for (const needed of Object.keys({
			...dependencies,
			...optionalDependencies,
		}))
			add(needed, path);
	};
	for (const name of names) add(name, "");
	return versions;
}
