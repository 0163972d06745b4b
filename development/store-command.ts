import { join, resolve } from "node:path";
import { Command } from "commander";
import { appFoldersIn, makeStore } from "./make-store.ts";

const command = new Command("npm run store --")
	.description(
		"Makes an app store: a folder to be served, or to be copied to a device",
	)
	.argument("<dir>", "where to make it")
	.argument("[apps...]", "folders of apps; without them, our examples")
	.parse();
const [directory = "", ...apps] = command.args;

void main();

async function main(): Promise<void> {
	const examples = join(import.meta.dirname, "../apps");
	const folders = apps.length > 0 ? apps : await appFoldersIn(examples);
	const made = await makeStore(
		folders.map((folder) => resolve(folder)),
		resolve(directory),
	);
	console.log(`${directory} has ${made.join(", ")}`);
}
