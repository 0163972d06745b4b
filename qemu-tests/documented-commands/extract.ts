/** A command as a document has it, without its comment. */
export type Command = { text: string; place: string };

type Document = {
	path: string;
	/** Headings of sections, each with those below it. */
	leftOut: readonly string[];
	/** Whether inline code that starts with this word can be a command. */
	isProgram: (word: string) => boolean;
};

const inlineCode = /`([^`]+)`/g;

/**
 * The commands in a Markdown text: each line of a fenced block of `sh`, where a backslash at its end joins the
 * next one, and inline code of several words of which the first is a program. A program's name alone is a mention.
 * @throws Error where a section to leave out is not there.
 */
export function commandsIn(text: string, document: Document): Command[] {
	const { path, leftOut, isProgram } = document;
	const found: Command[] = [];
	const missing = new Set(leftOut);
	let language: string | undefined;
	let leftOutLevel = 0;
	let continued = "";
	text.split("\n").forEach((line, index) => {
		const add = (command: string) => {
			const place = `${path}, line ${index + 1}`;
			if (command !== "" && leftOutLevel === 0)
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
			if (level > 0 && level <= leftOutLevel) leftOutLevel = 0;
			if (level > 0 && leftOutLevel === 0 && leftOut.includes(heading)) {
				missing.delete(heading);
				leftOutLevel = level;
			}
			for (const [, code = ""] of line.matchAll(inlineCode)) {
				const [first = "", ...others] = code.trim().split(/\s+/);
				if (others.length > 0 && isProgram(first)) add(code.trim());
			}
		}
	});
	if (missing.size > 0)
		throw new Error(
			`${path} has no section "${[...missing].join('", "')}": correct forOthers in qemu-tests/documented-commands/documents.ts`,
		);
	return found;
}

/** A comment begins with a number sign at the start of a word outside of quotation marks. */
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

// A word in capitals such as PID, a word with an ellipsis, and these.
const placeholder = /\b[A-Z]{2,}\b|\S*…|\bx\.x\.x\.x\b|\bdbname\b/g;

/**
 * Whether the source of a test has the command as it is documented. A placeholder stands for any text without
 * blanks, also for a `${value}` of the test; backslashes of TypeScript's strings do not count.
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
