import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commandsOf, initScripts } from "../../board/contents.ts";
import { targets } from "../../board/target.ts";
import { type Command, commandsIn } from "./extract.ts";

// Which commands an administrator is told to type, in docs/, README.md and the public text.

const repository = join(import.meta.dirname, "../..");

/**
 * Everything in README.md and docs/ is for administrators but for this: whole documents, or sections by
 * their headings, for release engineers, board makers, app developers and those who change the code.
 */
export const forOthers: Readonly<Record<string, "all" | readonly string[]>> = {
	"README.md": ["Two commands"],
	"docs/apps.md": ["Write one"],
	"docs/building.md": "all",
	"docs/developing.md": "all",
	"docs/gateway.md": ["A new board", "Size"],
	"docs/updates.md": ["Signing"],
};

/** Where nothing else is known: what people type, by the first word. */
const programs = new Set([
	...targets.flatMap((target) => [...commandsOf(target)]),
	...initScripts.map((name) => `/etc/init.d/${name}`),
	"cd",
	"crontab",
	"curl",
]);
const scriptFolder = /^\/(etc\/init\.d|home\/root|usr\/lib\/app-platform)\/\S/;

/** The first word is a program of the device, or a script in a folder for them. */
function isProgram(word: string): boolean {
	return programs.has(word) || scriptFolder.test(word);
}

/** Of README.md and docs/, in the order in which one reads them. */
export function commandsInDocuments(): Command[] {
	const documents = readdirSync(join(repository, "docs"))
		.filter((name) => name.endsWith(".md"))
		.map((name) => `docs/${name}`);
	return ["README.md", ...documents].flatMap((path) => {
		const leftOut = forOthers[path] ?? [];
		if (leftOut === "all") return [];
		const text = readFileSync(join(repository, path), "utf8");
		return commandsIn(text, { path, leftOut, isProgram });
	});
}

/** The product's public text is not in this repository; its commands are, with their headings. */
export function commandsInPublicText(): Command[] {
	const path = "qemu-tests/documented-commands/public-text.json";
	const sections: Record<string, string[]> = JSON.parse(
		readFileSync(join(repository, path), "utf8"),
	);
	return Object.entries(sections).flatMap(([heading, commands]) =>
		commands.map((text) => ({ text, place: `the public text, "${heading}"` })),
	);
}
