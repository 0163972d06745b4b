import { DavError } from "../dav-error.ts";
import type { Exchange } from "../exchange.ts";
import { guard } from "../guard.ts";
import {
	isLive,
	propertiesOf,
	propstat,
	removeProperty,
	responseOf,
	setProperty,
} from "../properties.ts";
import { findNode, type Node } from "../tree.ts";
import {
	davChild,
	davDocument,
	davNamespace,
	elementsOf,
	formatElement,
	formatXml,
	type XmlElement,
} from "../xml.ts";

const maxProperties = 50;
const maxPropertyBytes = 4_096;
/** Fits into an index entry of PostgreSQL. */
const maxNameBytes = 500;

interface Update {
	property: XmlElement;
	isRemoval: boolean;
}

/** PROPPATCH: applies all updates or none. */
export async function proppatch(exchange: Exchange): Promise<void> {
	const { path, storage } = exchange;
	const updates = parseUpdates(await exchange.readXml());
	const isRefused = ({ property: { namespace, name } }: Update) =>
		namespace === davNamespace && isLive(name);
	const refused = updates.filter(isRefused);
	const node = await storage.transaction(async (transaction) => {
		const found = await findNode(transaction, path);
		if (!found) throw new DavError(404, "The file does not exist");
		await guard(transaction, exchange, found, { paths: [path] });
		if (refused.length > 0) return found;
		for (const { property, isRemoval } of updates)
			if (isRemoval) await removeProperty(transaction, found, property);
			else
				await setProperty(transaction, found, {
					...property,
					xml: formatProperty(property),
				});
		const all = (await propertiesOf(transaction, [found])).get(found.id) ?? [];
		if (all.length > maxProperties)
			throw new DavError(
				507,
				`The file would have more than ${maxProperties} properties`,
			);
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
			formatElement(namespace, name),
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

/** @returns the updates in their order. @throws DavError if there are none. */
function parseUpdates(body: XmlElement | undefined): Update[] {
	if (body?.namespace !== davNamespace || body.name !== "propertyupdate")
		throw new DavError(400, "The body is not a propertyupdate");
	const updates = elementsOf(body).flatMap((part) => {
		const prop = davChild(part, "prop");
		const isOurs = part.namespace === davNamespace && prop !== undefined;
		if (!isOurs || !["set", "remove"].includes(part.name)) return [];
		const isRemoval = part.name === "remove";
		return elementsOf(prop).map((property) => ({ property, isRemoval }));
	});
	if (updates.length === 0)
		throw new DavError(400, "The body contains no updates");
	return updates;
}

/** @throws DavError if the property is too long. */
function formatProperty(property: XmlElement): string {
	const xml = formatXml(property);
	const { namespace, name } = property;
	if (
		Buffer.byteLength(xml) > maxPropertyBytes ||
		Buffer.byteLength(namespace + name) > maxNameBytes
	)
		throw new DavError(
			507,
			`The property has more than ${maxPropertyBytes} bytes`,
		);
	return xml;
}
