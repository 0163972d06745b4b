import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Card } from "./network-config.ts";
import { Provision } from "./provision.ts";
import { readers } from "./sources.ts";

/**
 * read-provisioning KIND DIRECTORY SOURCE: prints what a source asks for, see `Provision`. S06provisioning has copied its
 * files to the directory, with a file `cards` of lines NAME MAC. Started only if there is a source that was not applied
 * yet.
 */
async function main([
	kind = "",
	directory = "",
	source = "",
]: string[]): Promise<void> {
	const reader = readers[kind];
	if (reader === undefined)
		throw new Error(`"${kind}" is not a kind of source`);
	const cards = (await readFile(join(directory, "cards"), "utf8"))
		.split("\n")
		.flatMap((line): Card[] => {
			const [name, mac] = line.split(" ");
			return name && mac ? [{ name, mac: mac.toLowerCase() }] : [];
		});
	const provision = new Provision(source);
	await reader(directory, cards, provision);
	process.stdout.write(provision.lines.map((line) => `${line}\n`).join(""));
}

void main(process.argv.slice(2));
