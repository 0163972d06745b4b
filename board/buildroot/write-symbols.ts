import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { glob } from "zx";
import { treeFolder } from "./configuration.ts";
import { release } from "./source.ts";

/**
 * `npm run buildroot-symbols -- FOLDER`: writes the names of the symbols of a Buildroot down, so that
 * tests can tell a name that there is not without having Buildroot.
 */
const folder = process.argv[2];
if (!folder) throw new Error("name a folder with Buildroot");
const paths = await glob("**/Config*.in*", {
	cwd: folder,
	// Config.in.legacy has the names that were given up.
	ignore: ["Config.in.legacy", "{docs,support,utils,output*}/**"],
});
const names = new Set<string>();
for (const path of paths)
	for (const [, name] of (await readFile(join(folder, path), "utf8")).matchAll(
		/^\s*(?:menu)?config\s+(BR2_\w+)/gm,
	))
		names.add(name as string);
await writeFile(
	join(treeFolder, "symbols.txt"),
	`# Configuration symbols of Buildroot ${release.version}, written by npm run buildroot-symbols.\n${[...names].sort().join("\n")}\n`,
);
console.log(`${names.size} symbols`);
