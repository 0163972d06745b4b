import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { glob } from "zx";
import { treeDirectory } from "./configuration.ts";
import { release } from "./source.ts";

/**
 * `npm run buildroot-symbols -- DIRECTORY`: writes the names of Buildroot's configuration symbols to
 * symbols.txt, so that tests find unknown names without Buildroot.
 */
const directory = process.argv[2];
if (!directory) throw new Error("specify a directory with Buildroot");
const paths = await glob("**/Config*.in*", {
	cwd: directory,
	// Config.in.legacy has the removed symbols.
	ignore: ["Config.in.legacy", "{docs,support,utils,output*}/**"],
});
const names = new Set<string>();
for (const path of paths)
	for (const [, name] of (
		await readFile(join(directory, path), "utf8")
	).matchAll(/^\s*(?:menu)?config\s+(BR2_\w+)/gm))
		names.add(name as string);
await writeFile(
	join(treeDirectory, "symbols.txt"),
	`# Configuration symbols of Buildroot ${release.version}, written by npm run buildroot-symbols.\n${[...names].sort().join("\n")}\n`,
);
console.log(`${names.size} symbols`);
