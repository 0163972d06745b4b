import { sendContent } from "../../../sdk/index.ts";
import type { Content } from "../contents.ts";
import { DavError } from "../dav-error.ts";
import type { Exchange } from "../exchange.ts";
import { etagOf, type Node } from "../tree.ts";

/** GET and HEAD: a file, or the page that shows a directory. */
export async function read(exchange: Exchange): Promise<void> {
	const { node, release } = await exchange.storage.openNode(exchange.path);
	try {
		if (!node) throw new DavError(404, "The file does not exist");
		if (node.content) await sendFile(exchange, node, node.content);
		else await sendPage(exchange);
	} finally {
		release();
	}
}

/** Sends the page that serves every directory: its links are relative. */
async function sendPage(exchange: Exchange): Promise<void> {
	const { request, response, path, pages } = exchange;
	if (!request.url?.split("?")[0]?.endsWith("/")) {
		exchange.answer(301, { location: exchange.href(path, true) });
		return;
	}
	response.setHeader(
		"content-security-policy",
		"default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'",
	);
	await pages.answer(request, response, "/page.html");
}

async function sendFile(
	{ request, response, storage }: Exchange,
	node: Node,
	{ id, type, sizeBytes }: Content,
): Promise<void> {
	response.setHeader("cache-control", "no-cache");
	// All apps and the manager share one origin: an uploaded file must not run scripts in it.
	response.setHeader("content-security-policy", "sandbox");
	await sendContent(request, response, {
		version: { etag: etagOf(node), modified: node.modified },
		type,
		sizeBytes,
		read: (first, last) => storage.contents.read(id, first, last),
	});
}
