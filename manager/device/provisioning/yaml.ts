import { LineCounter, parseDocument } from "yaml";
import type { Provision } from "./provision.ts";

/**
 * Parses YAML, or JSON. All scalars are strings, as they are written: in YAML 1.1, which cloud-init reads, a password of
 * digits would become a number.
 * @param name of the file.
 * @returns undefined after a complaint.
 */
export function parseYaml(
	text: string,
	name: string,
	provision: Provision,
): unknown {
	const lineCounter = new LineCounter();
	const document = parseDocument(text, {
		lineCounter,
		schema: "failsafe",
		// As for Python's parser, the last one counts.
		uniqueKeys: false,
		// These would show the line, which may be that of the password.
		prettyErrors: false,
		logLevel: "silent",
	});
	const [error] = document.errors;
	if (error) {
		const { line } = lineCounter.linePos(error.pos[0]);
		provision.complain(
			`${name} is not used: line ${line} is not valid YAML (${error.code})`,
		);
		return undefined;
	}
	try {
		return document.toJS({ maxAliasCount: 100 });
	} catch {
		provision.complain(
			`${name} is not used: an alias in it cannot be resolved`,
		);
		return undefined;
	}
}

/** Returns the entries of a mapping; of anything else, none. */
export function mapOf(value: unknown): Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value)
		? (value as Record<string, unknown>)
		: {};
}

/** Returns a list; a single value is a list of one, as in cloud-init. */
export function listOf(value: unknown): unknown[] {
	if (Array.isArray(value)) return value;
	return isNothing(value) ? [] : [value];
}

/** Returns a text, or undefined if there is none. */
export function textOf(value: unknown): string | undefined {
	return typeof value === "string" && !isNothing(value) ? value : undefined;
}

export function textsOf(value: unknown): string[] {
	return listOf(value).flatMap((one) => textOf(one) ?? []);
}

/** YAML 1.1's words. */
export function isTrue(value: unknown): boolean {
	return /^(y|yes|true|on)$/i.test(textOf(value) ?? "");
}

export function isFalse(value: unknown): boolean {
	return /^(n|no|false|off)$/i.test(textOf(value) ?? "");
}

function isNothing(value: unknown): boolean {
	return (
		value === undefined || value === null || /^(|~|null)$/i.test(String(value))
	);
}
