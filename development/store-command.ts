import { join, resolve } from "node:path";
import { Command } from "commander";
import { prepareHost } from "../pipeline/host.ts";
import { appDirectoriesIn, makeStore, signStore } from "./make-store.ts";

const command = new Command("npm run store --")
	.description(
		"Create an app store: a directory to serve, or to copy to a device",
	)
	.argument("<dir>", "output directory")
	.argument("[apps...]", "app directories; default: the examples")
	.option(
		"--sign <NAME.key>",
		"sign it with this minisign key; the public key is in NAME.pub",
	)
	.parse();
const [directory = "", ...apps] = command.args;

main().catch((error) => {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
});

async function main(): Promise<void> {
	const { sign } = command.opts<{ sign?: string }>();
	if (sign !== undefined) prepareHost([], { packages: ["minisign"] });
	const examples = join(import.meta.dirname, "../apps");
	const sources = apps.length > 0 ? apps : await appDirectoriesIn(examples);
	const ids = await makeStore(
		sources.map((source) => resolve(source)),
		resolve(directory),
	);
	if (sign !== undefined) await signStore(resolve(directory), resolve(sign));
	console.log(`${directory} contains ${ids.join(", ")}`);
}
