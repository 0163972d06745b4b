import { DatabaseError } from "pg";
import type { Exchange } from "./exchange.ts";
import { lock, unlock } from "./methods/lock.ts";
import { propfind } from "./methods/propfind.ts";
import { proppatch } from "./methods/proppatch.ts";
import { read } from "./methods/read.ts";
import { copy, move } from "./methods/transfer.ts";
import { makeFolder, put, remove } from "./methods/write.ts";
import { Refusal } from "./refusal.ts";
import { dav, davDocument, escapeXml } from "./xml.ts";

// WebDAV, RFC 4918, classes 1 and 2. `nephele` and `webdav-server` take a storage of one's own, but
// look at locks and conditions apart from the change, and build listings as a whole in memory.
type Method = (exchange: Exchange) => Promise<void> | void;

const methods = new Map<string, Method>([
	["OPTIONS", options],
	["GET", read],
	["HEAD", read],
	["PUT", put],
	["DELETE", remove],
	["MKCOL", makeFolder],
	["COPY", copy],
	["MOVE", move],
	["PROPFIND", propfind],
	["PROPPATCH", proppatch],
	["LOCK", lock],
	["UNLOCK", unlock],
]);
const allow = [...methods.keys()].join(", ");

/** PostgreSQL's code for a full disk. */
const diskFull = "53100";

/** Answers a request. @throws Error where the answer is 500. */
export async function serveDav(exchange: Exchange): Promise<void> {
	const method = methods.get(exchange.request.method ?? "");
	if (!method) return exchange.answer(405, { allow });
	try {
		await method(exchange);
	} catch (error) {
		const isDiskFull =
			error instanceof DatabaseError && error.code === diskFull;
		const refusal = isDiskFull ? new Refusal(507, "The disk is full") : error;
		if (!(refusal instanceof Refusal) || exchange.response.headersSent)
			throw error;
		refuse(exchange, refusal);
	}
}

/** Tells people and programs why. */
function refuse(
	exchange: Exchange,
	{ status, message, condition, href }: Refusal,
): void {
	const where = href === undefined ? "" : dav("href", escapeXml(href));
	exchange.answerXml(
		status,
		davDocument(
			"error",
			condition === undefined ? "" : dav(condition, where),
			// A comment takes neither two dashes nor control characters.
			`<!-- ${message.replace(/[^ -,.-~]+/g, " ")} -->`,
		),
		status === 405 ? { allow } : {},
	);
}

function options(exchange: Exchange): void {
	// Microsoft's clients look for the last one.
	exchange.answer(200, { allow, dav: "1, 2", "ms-author-via": "DAV" });
}
