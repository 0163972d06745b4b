import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Content } from "../contents.ts";
import type { Exchange } from "../exchange.ts";
import { versionOf } from "../guard.ts";
import page from "../page.html";
import { failedPrecondition, isRangeWanted } from "../preconditions.ts";
import { parseRange } from "../range.ts";
import { Refusal } from "../refusal.ts";
import { etagOf, type Node } from "../tree.ts";

/** GET and HEAD: a file, or the page that shows a folder. */
export async function read(exchange: Exchange): Promise<void> {
	const { node, release } = await exchange.storage.openNode(exchange.path);
	try {
		if (!node) throw new Refusal(404, "There is no such file");
		if (node.content) await sendFile(exchange, node, node.content);
		else sendPage(exchange);
	} finally {
		release();
	}
}

function sendPage(exchange: Exchange): void {
	const { request, response, path } = exchange;
	// Links of the page are relative to the folder.
	if (!request.url?.split("?")[0]?.endsWith("/")) {
		exchange.answer(301, { location: exchange.href(path, true) });
		return;
	}
	response
		.writeHead(200, {
			"content-type": "text/html; charset=utf-8",
			"content-security-policy":
				"default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'",
			"cache-control": "no-cache",
		})
		.end(page);
}

async function sendFile(
	{ request, response, storage }: Exchange,
	node: Node,
	{ id, type, sizeBytes }: Content,
): Promise<void> {
	const { headers } = request;
	const version = { etag: etagOf(node), modified: node.modified };
	response.setHeaders(
		new Map([
			["etag", version.etag ?? ""],
			["last-modified", node.modified.toUTCString()],
			["accept-ranges", "bytes"],
			["cache-control", "no-cache"],
			// All apps and the manager are one origin: what somebody uploads must not act in it.
			["content-security-policy", "sandbox"],
			["x-content-type-options", "nosniff"],
		]),
	);
	const failed = failedPrecondition(headers, versionOf(node), true);
	if (failed) return void response.writeHead(failed).end();
	const range = isRangeWanted(headers, version)
		? parseRange(headers.range, sizeBytes)
		: undefined;
	if (range === "none")
		return void response
			.writeHead(416, { "content-range": `bytes */${sizeBytes}` })
			.end();
	const { first, last } = range ?? { first: 0, last: sizeBytes - 1 };
	response.writeHead(range ? 206 : 200, {
		"content-type": type,
		"content-length": last - first + 1,
		...(range && { "content-range": `bytes ${first}-${last}/${sizeBytes}` }),
	});
	if (request.method === "HEAD") return void response.end();
	await pipeline(
		Readable.from(storage.contents.read(id, first, last)),
		response,
	).catch((error: NodeJS.ErrnoException) => {
		// Clients may stop whenever they like.
		if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
	});
}
