import type { Transaction } from "../database.ts";
import { DavError } from "../dav-error.ts";
import type { Exchange } from "../exchange.ts";
import { guard } from "../guard.ts";
import { removeLocksWithin } from "../locks.ts";
import { isWithin, maxDepth, type Path, parentOf } from "../paths.ts";
import {
	copyNode,
	deleteNode,
	findNode,
	heightOf,
	moveNode,
	type Node,
} from "../tree.ts";
import { findParent } from "./write.ts";

/** COPY. */
export async function copy(exchange: Exchange): Promise<void> {
	const isShallow = exchange.depth(["0", "infinity"]) === "0";
	await transfer(exchange, [], (transaction, node, parent, name) =>
		copyNode(transaction, node, { parent, name, isShallow }),
	);
}

/** MOVE. */
export async function move(exchange: Exchange): Promise<void> {
	const { path } = exchange;
	exchange.depth(["infinity"]);
	if (path.length === 0)
		throw new DavError(403, "The top folder cannot be moved");
	await transfer(exchange, [path], async (transaction, node, parent, name) => {
		await moveNode(transaction, node, parent, name);
		await removeLocksWithin(transaction, path);
	});
}

type Transfer = (
	transaction: Transaction,
	node: Node,
	parent: Node,
	name: string,
) => Promise<void>;

/** @param removed trees that do not exist afterwards. */
async function transfer(
	exchange: Exchange,
	removed: readonly Path[],
	carryOut: Transfer,
): Promise<void> {
	const { path, storage } = exchange;
	const to = destinationOf(exchange);
	const isNew = await storage.transaction(async (transaction) => {
		const node = await findNode(transaction, path);
		if (!node) throw new DavError(404, "The file does not exist");
		const parent = await findParent(transaction, to);
		const old = await findNode(transaction, to);
		if (old && exchange.header("overwrite")?.toUpperCase() === "F")
			throw new DavError(412, "The destination exists, and Overwrite is F");
		if (to.length + (await heightOf(transaction, node)) > maxDepth)
			throw new DavError(
				403,
				`The destination is more than ${maxDepth} levels deep`,
			);
		await guard(transaction, exchange, node, {
			paths: [parentOf(to), ...removed.map(parentOf)],
			trees: [to, ...removed],
		});
		if (old) {
			await deleteNode(transaction, old);
			await removeLocksWithin(transaction, to);
		}
		await carryOut(transaction, node, parent, to.at(-1) ?? "");
		return !old;
	});
	exchange.answer(isNew ? 201 : 204);
}

/** @throws DavError if the header is missing, or source and destination contain each other. */
function destinationOf(exchange: Exchange): Path {
	const header = exchange.header("destination");
	if (header === undefined)
		throw new DavError(400, "The header Destination is missing");
	const to = exchange.pathOf(header);
	if (isWithin(to, exchange.path) || isWithin(exchange.path, to))
		throw new DavError(
			403,
			"The source contains the destination, or the destination the source",
		);
	return to;
}
