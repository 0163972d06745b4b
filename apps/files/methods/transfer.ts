import type { Change } from "../database.ts";
import type { Exchange } from "../exchange.ts";
import { guard } from "../guard.ts";
import { removeLocksWithin } from "../lock-table.ts";
import { deepestPath, isWithin, type Path, parentOf } from "../paths.ts";
import { Refusal } from "../refusal.ts";
import {
	copyNode,
	findNode,
	heightOf,
	moveNode,
	type Node,
	removeNode,
} from "../tree.ts";
import { findParent } from "./write.ts";

/** COPY. */
export async function copy(exchange: Exchange): Promise<void> {
	const isShallow = exchange.depth(["0", "infinity"]) === "0";
	await transfer(exchange, [], (change, node, parent, name) =>
		copyNode(change, node, { parent, name, isShallow }),
	);
}

/** MOVE. */
export async function move(exchange: Exchange): Promise<void> {
	const { path } = exchange;
	exchange.depth(["infinity"]);
	if (path.length === 0) throw new Refusal(403, "The top folder stays");
	await transfer(exchange, [path], async (change, node, parent, name) => {
		await moveNode(change, node, parent, name);
		await removeLocksWithin(change, path);
	});
}

type Transfer = (
	change: Change,
	node: Node,
	parent: Node,
	name: string,
) => Promise<void>;

/** @param taken trees that are not there afterwards. */
async function transfer(
	exchange: Exchange,
	taken: readonly Path[],
	carryOut: Transfer,
): Promise<void> {
	const { path, storage } = exchange;
	const to = destinationOf(exchange);
	const isNew = await storage.change(async (change) => {
		const node = await findNode(change, path);
		if (!node) throw new Refusal(404, "There is no such file");
		const parent = await findParent(change, to);
		const old = await findNode(change, to);
		if (old && exchange.header("overwrite")?.toUpperCase() === "F")
			throw new Refusal(412, "There is something already");
		if (to.length + (await heightOf(change, node)) > deepestPath)
			throw new Refusal(403, `Folders may be ${deepestPath} deep`);
		await guard(change, exchange, node, {
			paths: [parentOf(to), ...taken.map(parentOf)],
			trees: [to, ...taken],
		});
		if (old) {
			await removeNode(change, old);
			await removeLocksWithin(change, to);
		}
		await carryOut(change, node, parent, to.at(-1) ?? "");
		return !old;
	});
	exchange.answer(isNew ? 201 : 204);
}

/** @throws Refusal where it is not there, or one of both is within the other. */
function destinationOf(exchange: Exchange): Path {
	const header = exchange.header("destination");
	if (header === undefined) throw new Refusal(400, "Destination is missing");
	const to = exchange.pathOf(header);
	if (isWithin(to, exchange.path) || isWithin(exchange.path, to))
		throw new Refusal(403, "Source and destination are within each other");
	return to;
}
