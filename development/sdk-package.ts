import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { $ } from "zx";

/** `npm run sdk`: the SDK as an npm package, JavaScript with types. */
const command = new Command("npm run sdk --")
	.description("Build the npm package of the SDK, for `npm publish DIR`")
	.argument("[dir]", "output directory: must be empty or not exist")
	.parse();
const [given] = command.args;
const directory = given ?? join(import.meta.dirname, "../out/sdk");
const source = join(import.meta.dirname, "../sdk");

if (given === undefined) await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });
if ((await readdir(directory)).length > 0)
	command.error(`${directory} is not empty: choose another directory`);
await $({
	stdio: "inherit",
})`npx tsc --project ${source} --outDir ${directory}`;
for (const name of ["package.json", "README.md"])
	await cp(join(source, name), join(directory, name));
console.log(`The package is in ${directory}`);
