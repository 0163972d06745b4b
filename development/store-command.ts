import { join, resolve } from "node:path";
import { Command } from "commander";
import { appDirectoriesIn, makeStore } from "./make-store.ts";

const command = new Command("npm run store --")
	.description(
		"Create an app store: a directory to serve, or to copy to a device",
	)
	.argument("<dir>", "output directory")
	.argument("[apps...]", "app directories; default: the examples")
	.parse();
const [directory = "", ...apps] = command.args;

void main();

async function main(): Promise<void> {
	const examples = join(import.meta.dirname, "../apps");
	const sources = apps.length > 0 ? apps : await appDirectoriesIn(examples);
	const ids = await makeStore(
		sources.map((source) => resolve(source)),
		resolve(directory),
	);
	console.log(`${directory} contains ${ids.join(", ")}`);
}
