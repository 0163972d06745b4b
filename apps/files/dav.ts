import { DatabaseError } from "pg";
import { DavError } from "./dav-error.ts";
import type { Exchange } from "./exchange.ts";
import { lock, unlock } from "./methods/lock.ts";
import { propfind } from "./methods/propfind.ts";
import { proppatch } from "./methods/proppatch.ts";
import { read } from "./methods/read.ts";
import { copy, move } from "./methods/transfer.ts";
import { makeDirectory, put, remove } from "./methods/write.ts";
import { dav, davDocument, escapeXml } from "./xml.ts";

// WebDAV, RFC 4918, classes 1 and 2. `nephele` and `webdav-server` accept a custom storage, but
// check locks and conditions outside of the transaction, and build whole listings in memory.
type Method = (exchange: Exchange) => Promise<void> | void;

const methods = new Map<string, Method>([
	["OPTIONS", options],
	["GET", read],
	["HEAD", read],
	["PUT", put],
	["DELETE", remove],
	["MKCOL", makeDirectory],
	["COPY", copy],
	["MOVE", move],
	["PROPFIND", propfind],
	["PROPPATCH", proppatch],
	["LOCK", lock],
	["UNLOCK", unlock],
]);
const allow = [...methods.keys()].join(", ");

/** Why PostgreSQL has no room, by SQLSTATE. */
const noRoom: Readonly<Record<string, string>> = {
	"53100": "The disk is full",
	"25006": "The database is read-only, because it has reached its limit",
};

/** Answers a request. @throws Error if the answer is to be 500. */
export async function serveDav(exchange: Exchange): Promise<void> {
	const method = methods.get(exchange.request.method ?? "");
	if (!method) return exchange.answer(405, { allow });
	try {
		await method(exchange);
	} catch (error) {
		const reason =
			error instanceof DatabaseError ? noRoom[error.code ?? ""] : undefined;
		const davError = reason ? new DavError(507, reason) : error;
		if (!(davError instanceof DavError) || exchange.response.headersSent)
			throw error;
		sendError(exchange, davError);
	}
}

/** Sends the reason for programs, and as an XML comment for people. */
function sendError(
	exchange: Exchange,
	{ status, message, condition, href }: DavError,
): void {
	const where = href === undefined ? "" : dav("href", escapeXml(href));
	exchange.answerXml(
		status,
		davDocument(
			"error",
			condition === undefined ? "" : dav(condition, where),
			// A comment must not contain two dashes or control characters.
			`<!-- ${message.replace(/[^ -,.-~]+/g, " ")} -->`,
		),
		status === 405 ? { allow } : {},
	);
}

function options(exchange: Exchange): void {
	// Microsoft's clients expect ms-author-via.
	exchange.answer(200, { allow, dav: "1, 2", "ms-author-via": "DAV" });
}
