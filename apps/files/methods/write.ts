import type { Database } from "../database.ts";
import { DavError } from "../dav-error.ts";
import { bodyOf, type Exchange, hasBody } from "../exchange.ts";
import { guard } from "../guard.ts";
import { removeLocksWithin } from "../locks.ts";
import { type Path, parentOf } from "../paths.ts";
import {
	addNode,
	deleteNode,
	findNode,
	finishContent,
	type Node,
	replaceContent,
} from "../tree.ts";

const defaultType = "application/octet-stream";
const maxTypeLength = 255;

/**
 * PUT. Checks whether it is allowed twice: before the file is received, so that no client sends it
 * in vain, and in the transaction, since another request may have been faster.
 */
export async function put(exchange: Exchange): Promise<void> {
	const { request, path, storage } = exchange;
	if (exchange.header("content-range") !== undefined)
		throw new DavError(
			400,
			"Content-Range is not supported: send the whole file",
		);
	if (request.url?.endsWith("/"))
		throw new DavError(405, "A URL that ends with a slash names a folder");
	const type = (exchange.header("content-type") || defaultType).slice(
		0,
		maxTypeLength,
	);
	const check = async (database: Database) => {
		const node = await findNode(database, path);
		if (node && !node.content)
			throw new DavError(405, "A folder with this name exists");
		const parent = await findParent(database, path);
		const paths = node ? [path] : [path, parentOf(path)];
		await guard(database, exchange, node, { paths });
		return { node, parent };
	};
	await check(storage.database);
	await storage.contents.assertRoom(
		Number(exchange.header("content-length") ?? 0),
	);
	const { isNew, etag } = await storage.contents.write(
		bodyOf(request),
		type,
		(content) =>
			storage.transaction(async (transaction) => {
				const { node, parent } = await check(transaction);
				await finishContent(transaction, content);
				if (node) await replaceContent(transaction, node, content);
				else await addNode(transaction, parent, path.at(-1) ?? "", content);
				return { isNew: !node, etag: `"${content.id}"` };
			}),
	);
	exchange.answer(isNew ? 201 : 204, { etag });
}

/** MKCOL. */
export async function makeDirectory(exchange: Exchange): Promise<void> {
	const { request, path, storage } = exchange;
	if (hasBody(request)) throw new DavError(415, "A folder cannot have content");
	await storage.transaction(async (transaction) => {
		const node = await findNode(transaction, path);
		if (node) throw new DavError(405, "A file or folder with this name exists");
		const parent = await findParent(transaction, path);
		await guard(transaction, exchange, node, { paths: [path, parentOf(path)] });
		await addNode(transaction, parent, path.at(-1) ?? "");
	});
	exchange.answer(201);
}

/** DELETE. */
export async function remove(exchange: Exchange): Promise<void> {
	const { path, storage } = exchange;
	if (path.length === 0)
		throw new DavError(403, "The top folder cannot be deleted");
	await storage.transaction(
		async (transaction) => {
			const node = await findNode(transaction, path);
			if (!node) throw new DavError(404, "The file does not exist");
			const changed = { paths: [parentOf(path)], trees: [path] };
			await guard(transaction, exchange, node, changed);
			await deleteNode(transaction, node);
			await removeLocksWithin(transaction, path);
		},
		{ deletes: true },
	);
	exchange.answer(204);
}

/** @throws DavError 409 if the parent directory does not exist. */
export async function findParent(
	database: Database,
	path: Path,
): Promise<Node> {
	const parent = await findNode(database, parentOf(path));
	if (!parent || parent.content)
		throw new DavError(409, "The parent folder does not exist");
	return parent;
}
