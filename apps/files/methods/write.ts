import type { Database } from "../database.ts";
import { bodyOf, type Exchange, hasBody } from "../exchange.ts";
import { guard } from "../guard.ts";
import { removeLocksWithin } from "../lock-table.ts";
import { type Path, parentOf } from "../paths.ts";
import { Refusal } from "../refusal.ts";
import {
	addNode,
	exchangeContent,
	findNode,
	finishContent,
	type Node,
	removeNode,
} from "../tree.ts";

const defaultType = "application/octet-stream";
const longestType = 255;

/**
 * PUT. What is allowed is looked at twice: before the file arrives, so that nobody sends it in
 * vain, and in the change, since others may have been faster.
 */
export async function put(exchange: Exchange): Promise<void> {
	const { request, path, storage } = exchange;
	if (exchange.header("content-range") !== undefined)
		throw new Refusal(400, "A file is written as a whole");
	if (request.url?.endsWith("/"))
		throw new Refusal(405, "An address with a slash at its end is a folder's");
	const type = (exchange.header("content-type") || defaultType).slice(
		0,
		longestType,
	);
	const look = async (database: Database) => {
		const node = await findNode(database, path);
		if (node && !node.content) throw new Refusal(405, "There is a folder");
		const parent = await findParent(database, path);
		const paths = node ? [path] : [path, parentOf(path)];
		await guard(database, exchange, node, { paths });
		return { node, parent };
	};
	await look(storage.database);
	const { isNew, etag } = await storage.contents.write(
		bodyOf(request),
		type,
		(content) =>
			storage.change(async (change) => {
				const { node, parent } = await look(change);
				await finishContent(change, content);
				if (node) await exchangeContent(change, node, content);
				else await addNode(change, parent, path.at(-1) ?? "", content);
				return { isNew: !node, etag: `"${content.id}"` };
			}),
	);
	exchange.answer(isNew ? 201 : 204, { etag });
}

/** MKCOL. */
export async function makeFolder(exchange: Exchange): Promise<void> {
	const { request, path, storage } = exchange;
	if (hasBody(request)) throw new Refusal(415, "A folder has no content");
	await storage.change(async (change) => {
		const node = await findNode(change, path);
		if (node) throw new Refusal(405, "There is something already");
		const parent = await findParent(change, path);
		await guard(change, exchange, node, { paths: [path, parentOf(path)] });
		await addNode(change, parent, path.at(-1) ?? "");
	});
	exchange.answer(201);
}

/** DELETE. */
export async function remove(exchange: Exchange): Promise<void> {
	const { path, storage } = exchange;
	if (path.length === 0) throw new Refusal(403, "The top folder stays");
	await storage.change(async (change) => {
		const node = await findNode(change, path);
		if (!node) throw new Refusal(404, "There is no such file");
		const touched = { paths: [parentOf(path)], trees: [path] };
		await guard(change, exchange, node, touched);
		await removeNode(change, node);
		await removeLocksWithin(change, path);
	});
	exchange.answer(204);
}

/** @throws Refusal 409 where there is no such folder. */
export async function findParent(
	database: Database,
	path: Path,
): Promise<Node> {
	const parent = await findNode(database, parentOf(path));
	if (!parent || parent.content)
		throw new Refusal(409, "There is no folder to put it into");
	return parent;
}
