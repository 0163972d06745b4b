import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { hashOfFile, type Inputs } from "./hash.ts";

const projectFolder = dirname(import.meta.dirname);

/** Source files by their paths in the project, and the packages that they import, by name. */
interface ImportGraph {
	files: string[];
	packages: string[];
}

/**
 * What modules do depends on: their own sources and those that they import, directly or not, as hashes, and the
 * versions of the npm packages that these import. Types are left out, since they change no result.
 * @param modules paths of TypeScript files or style sheets.
 * @throws Error where a module cannot be parsed or found.
 */
export async function codeOf(...modules: string[]): Promise<Inputs> {
	const { files, packages } = await importGraph(modules);
	const hash = createHash("sha256");
	for (const file of files)
		hash.update(`${file} ${await hashOfFile(join(projectFolder, file))}\n`);
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
		absWorkingDir: projectFolder,
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
		.map(({ path }) => packageOf(path));
	return {
		files: inputs.map(([path]) => path).sort(),
		packages: [...new Set(imported)].sort(),
	};
}

/** `@scope/name` or `name` of a path into a package. */
function packageOf(path: string): string {
	const parts = path.split("/");
	return parts.slice(0, path.startsWith("@") ? 2 : 1).join("/");
}

interface LockedPackage {
	version: string;
	dependencies?: Record<string, string>;
	optionalDependencies?: Record<string, string>;
}

/** The versions of packages and of all that they need, by their places in package-lock.json. */
async function lockedVersions(
	names: readonly string[],
): Promise<Record<string, string>> {
	const text = await readFile(join(projectFolder, "package-lock.json"), "utf8");
	const { packages } = JSON.parse(text) as {
		packages: Record<string, LockedPackage>;
	};
	const versions: Record<string, string> = {};
	const add = (name: string, from: string) => {
		// A package's own copy comes before the common one.
		const place = [`${from}/node_modules/${name}`, `node_modules/${name}`].find(
			(path) => path in packages,
		);
		const locked = place && packages[place];
		if (!locked || place in versions) return;
		versions[place] = locked.version;
		const { dependencies, optionalDependencies } = locked;
		for (const needed of Object.keys({
			...dependencies,
			...optionalDependencies,
		}))
			add(needed, place);
	};
	for (const name of names) add(name, "");
	return versions;
}
