import type { Readable, Writable } from "node:stream";
import type * as z from "zod";
import { longestLineBytes } from "./protocol.ts";

/**
 * Reads messages, one JSON object a line.
 * @param take gets each message that fits the schema.
 * @param refuse told, once, of what does not; nothing is read after it.
 */
export function readMessages<Schema extends z.ZodType>(
	from: Readable,
	schema: Schema,
	take: (message: z.output<Schema>) => void,
	refuse: (reason: string) => void,
): void {
	let rest = "";
	let refused = false;
	from.setEncoding("utf8");
	from.on("data", (text: string) => {
		if (refused) return;
		const lines = (rest + text).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) if (!refused) takeLine(line);
		if (rest.length > longestLineBytes)
			stop(`a line of more than ${longestLineBytes} bytes`);
	});

	function takeLine(line: string): void {
		const message =
			line.length > longestLineBytes ? undefined : parse(line, schema);
		if (message) take(message);
		else stop(`no message of the protocol: ${line.slice(0, 100)}`);
	}

	function stop(reason: string): void {
		refused = true;
		rest = "";
		refuse(reason);
	}
}

export function writeMessage(to: Writable, message: object): void {
	to.write(`${JSON.stringify(message)}\n`);
}

function parse<Schema extends z.ZodType>(
	line: string,
	schema: Schema,
): z.output<Schema> | undefined {
	try {
		return schema.safeParse(JSON.parse(line)).data;
	} catch {
		return undefined;
	}
}
