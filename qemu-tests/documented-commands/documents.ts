import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { initScripts, requiredCommands } from "../../board/contents.ts";
import { targets } from "../../board/target.ts";
import { type Command, commandsIn } from "./extract.ts";

// The commands for administrators in docs/, README.md and the public text.

const repository = join(import.meta.dirname, "../..");

/**
 * Documents, or sections by heading, of README.md and docs/ that are not for administrators but for release engineers,
 * board makers, app developers and contributors.
 */
export const notForAdministrators: Readonly<
	Record<string, "all" | readonly string[]>
> = {
	"README.md": ["Build and test"],
	"docs/apps.md": ["Write an app"],
	"docs/building.md": "all",
	"docs/developing.md": "all",
	"docs/gateway.md": ["Support a new board", "Image size and memory"],
	"docs/updates.md": ["Sign updates"],
};

/** Programs that start a command. */
const programs = new Set([
	...targets.flatMap((target) => [...requiredCommands(target)]),
	...initScripts.map((name) => `/etc/init.d/${name}`),
	"cd",
	"crontab",
	"curl",
]);
const scriptDirectory =
	/^\/(etc\/init\.d|home\/root|usr\/lib\/app-platform)\/\S/;

/** Returns whether a word is a program of the device, or a script in one of the script directories. */
function isProgram(word: string): boolean {
	return programs.has(word) || scriptDirectory.test(word);
}

/** Returns the commands in README.md and docs/, in reading order. */
export function commandsInDocuments(): Command[] {
	const documents = readdirSync(join(repository, "docs"))
		.filter((name) => name.endsWith(".md"))
		.map((name) => `docs/${name}`);
	return ["README.md", ...documents].flatMap((path) => {
		const excluded = notForAdministrators[path] ?? [];
		if (excluded === "all") return [];
		const text = readFileSync(join(repository, path), "utf8");
		return commandsIn(text, { path, excluded, isProgram });
	});
}

/** Returns the commands of the product's public text. Only its commands and headings are in this repository. */
export function commandsInPublicText(): Command[] {
	const path = "qemu-tests/documented-commands/public-text.json";
	const sections: Record<string, string[]> = JSON.parse(
		readFileSync(join(repository, path), "utf8"),
	);
	return Object.entries(sections).flatMap(([heading, commands]) =>
		commands.map((text) => ({ text, place: `the public text, "${heading}"` })),
	);
}
