/** A documented command, without its comment. */
export type Command = { text: string; place: string };

type Document = {
	path: string;
	/** Headings of sections to exclude with their subsections. */
	excluded: readonly string[];
	/** Whether inline code that starts with this word can be a command. */
	isProgram: (word: string) => boolean;
};

const inlineCode = /`([^`]+)`/g;

/**
 * Returns the commands in a Markdown text: each line of a fenced `sh` block, where a trailing backslash joins the next
 * line, and inline code of several words whose first is a program. A program's name alone is not a command.
 * @throws Error when a section to exclude does not exist.
 */
export function commandsIn(text: string, document: Document): Command[] {
	const { path, excluded, isProgram } = document;
	const found: Command[] = [];
	const missing = new Set(excluded);
	let language: string | undefined;
	let excludedLevel = 0;
	let continued = "";
	text.split("\n").forEach((line, index) => {
		const add = (command: string) => {
			const place = `${path}, line ${index + 1}`;
			if (command !== "" && excludedLevel === 0)
				found.push({ text: command, place });
		};
		const fence = /^\s*```(\w*)/.exec(line);
		if (fence) {
			language = language === undefined ? fence[1] : undefined;
		} else if (language === "sh") {
			const whole = continued + line.trim();
			const isContinued = whole.endsWith("\\");
			continued = isContinued ? whole.slice(0, -1) : "";
			if (!isContinued) add(withoutComment(whole));
		} else if (language === undefined) {
			const [, marks = "", heading = ""] = /^(#+) (.*)/.exec(line) ?? [];
			const level = marks.length;
			if (level > 0 && level <= excludedLevel) excludedLevel = 0;
			if (level > 0 && excludedLevel === 0 && excluded.includes(heading)) {
				missing.delete(heading);
				excludedLevel = level;
			}
			for (const [, code = ""] of line.matchAll(inlineCode)) {
				const [first = "", ...others] = code.trim().split(/\s+/);
				if (others.length > 0 && isProgram(first)) add(code.trim());
			}
		}
	});
	if (missing.size > 0)
		throw new Error(
			`${path} has no section "${[...missing].join('", "')}": correct notForAdministrators in qemu-tests/documented-commands/documents.ts`,
		);
	return found;
}

/** Removes a comment: a number sign at the start of a word outside of quotation marks. */
function withoutComment(line: string): string {
	let quote = "";
	for (const [index, character] of [...line].entries()) {
		if (quote !== "") {
			if (character === quote) quote = "";
		} else if (character === '"' || character === "'") quote = character;
		else if (character === "#" && /^\s?$/.test(line.charAt(index - 1)))
			return line.slice(0, index).trim();
	}
	return line.trim();
}

// A word in capitals such as PID, a word with an ellipsis, and these words.
const placeholder = /\b[A-Z]{2,}\b|\S*…|\bx\.x\.x\.x\b|\bdbname\b/g;

/**
 * Returns whether the source of a test contains the command as documented. A placeholder matches any text without
 * spaces, including a `${value}` of the test; backslashes of TypeScript strings are ignored.
 */
export function isTypedBy(source: string, command: string): boolean {
	let pattern = "";
	let end = 0;
	for (const { 0: word, index } of command.matchAll(placeholder)) {
		pattern += `${literal(command.slice(end, index))}\\S+?`;
		end = index + word.length;
	}
	pattern += `${literal(command.slice(end))}(?![\\w/.-]| [\\w/-])`;
	return new RegExp(`(?<![\\w/.-])${pattern}`).test(
		source.replace(/\\(["'`\\$])/g, "$1"),
	);
}

function literal(text: string): string {
	return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
