import type { Readable, Writable } from "node:stream";
import type * as z from "zod";
import { maxLineBytes } from "./protocol.ts";

/**
 * Reads messages, one JSON object per line.
 * @param onMessage receives each message that matches the schema.
 * @param onInvalid called once, for the first input that does not match; nothing is read after it.
 */
export function readMessages<Schema extends z.ZodType>(
	from: Readable,
	schema: Schema,
	onMessage: (message: z.output<Schema>) => void,
	onInvalid: (reason: string) => void,
): void {
	let rest = "";
	let isStopped = false;
	from.setEncoding("utf8");
	from.on("data", (text: string) => {
		if (isStopped) return;
		const lines = (rest + text).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) if (!isStopped) readLine(line);
		if (rest.length > maxLineBytes)
			stop(`a line of more than ${maxLineBytes} bytes`);
	});

	function readLine(line: string): void {
		const message =
			line.length > maxLineBytes ? undefined : parse(line, schema);
		if (message) onMessage(message);
		else stop(`an invalid message: ${line.slice(0, 100)}`);
	}

	function stop(reason: string): void {
		isStopped = true;
		rest = "";
		onInvalid(reason);
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
