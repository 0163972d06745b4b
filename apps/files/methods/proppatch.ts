import type { Exchange } from "../exchange.ts";
import { guard } from "../guard.ts";
import { propstat, responseOf } from "../multistatus.ts";
import { isLive } from "../properties.ts";
import {
	propertiesOf,
	removeProperty,
	setProperty,
} from "../property-table.ts";
import { Refusal } from "../refusal.ts";
import { findNode, type Node } from "../tree.ts";
import {
	davChild,
	davDocument,
	davNamespace,
	elementsOf,
	writeElement,
	writeXml,
	type XmlElement,
} from "../xml.ts";

const mostProperties = 50;
const longestPropertyBytes = 4_096;
/** Fits an entry of PostgreSQL's index. */
const longestNameBytes = 500;

interface Update {
	property: XmlElement;
	isRemoval: boolean;
}

/** PROPPATCH: all of it or nothing. */
export async function proppatch(exchange: Exchange): Promise<void> {
	const { path, storage } = exchange;
	const updates = updatesOf(await exchange.readXml());
	const isRefused = ({ property: { namespace, name } }: Update) =>
		namespace === davNamespace && isLive(name);
	const refused = updates.filter(isRefused);
	const node = await storage.change(async (change) => {
		const found = await findNode(change, path);
		if (!found) throw new Refusal(404, "There is no such file");
		await guard(change, exchange, found, { paths: [path] });
		if (refused.length > 0) return found;
		for (const { property, isRemoval } of updates)
			if (isRemoval) await removeProperty(change, found, property);
			else
				await setProperty(change, found, {
					...property,
					xml: writeShort(property),
				});
		const all = (await propertiesOf(change, [found])).get(found.id) ?? [];
		if (all.length > mostProperties)
			throw new Refusal(507, `A file has at most ${mostProperties} properties`);
		return found;
	});
	exchange.answerXml(207, outcome(exchange, node, updates, refused));
}

function outcome(
	exchange: Exchange,
	node: Node,
	updates: readonly Update[],
	refused: readonly Update[],
): string {
	const names = (some: readonly Update[]) =>
		some.map(({ property: { namespace, name } }) =>
			writeElement(namespace, name),
		);
	const others = updates.filter((update) => !refused.includes(update));
	return davDocument(
		"multistatus",
		responseOf(
			exchange.href(exchange.path, !node.content),
			propstat(403, names(refused)),
			propstat(refused.length > 0 ? 424 : 200, names(others)),
		),
	);
}

/** In their order. @throws Refusal where there are none. */
function updatesOf(body: XmlElement | undefined): Update[] {
	if (body?.namespace !== davNamespace || body.name !== "propertyupdate")
		throw new Refusal(400, "The body is no propertyupdate");
	const updates = elementsOf(body).flatMap((part) => {
		const prop = davChild(part, "prop");
		const isOurs = part.namespace === davNamespace && prop !== undefined;
		if (!isOurs || !["set", "remove"].includes(part.name)) return [];
		const isRemoval = part.name === "remove";
		return elementsOf(prop).map((property) => ({ property, isRemoval }));
	});
	if (updates.length === 0) throw new Refusal(400, "The body changes nothing");
	return updates;
}

/** @throws Refusal where it is too long. */
function writeShort(property: XmlElement): string {
	const xml = writeXml(property);
	const { namespace, name } = property;
	if (
		Buffer.byteLength(xml) > longestPropertyBytes ||
		Buffer.byteLength(namespace + name) > longestNameBytes
	)
		throw new Refusal(507, `At most ${longestPropertyBytes} bytes a property`);
	return xml;
}
