import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DavError } from "../dav-error.ts";
import { type Exchange, xmlType } from "../exchange.ts";
import { allLocks, type Lock, locksCovering } from "../locks.ts";
import type { Path } from "../paths.ts";
import {
	type DeadProperty,
	liveProperties,
	propertiesOf,
	propstat,
	responseOf,
} from "../properties.ts";
import { findNode, membersOf, type Node } from "../tree.ts";
import {
	davChild,
	davDeclaration,
	davNamespace,
	elementsOf,
	formatElement,
	type XmlElement,
	xmlHead,
} from "../xml.ts";

type PropertyName = Pick<XmlElement, "namespace" | "name">;

/** The requested properties: all, only the names of all, or a list. */
type RequestedProperties = "all" | "names" | PropertyName[];

const pageSize = 100;

/** PROPFIND. The listing of a directory may be larger than the memory: it is streamed in pages. */
export async function propfind(exchange: Exchange): Promise<void> {
	const { path, response, storage } = exchange;
	const depth = exchange.depth(["0", "1", "infinity"]);
	const requested = parsePropfind(await exchange.readXml());
	const node = await findNode(storage.database, path);
	if (!node) throw new DavError(404, "The file does not exist");
	if (depth === "infinity" && !node.content)
		throw new DavError(
			403,
			"Depth infinity is not supported: list each folder by itself",
			"propfind-finite-depth",
		);
	response.writeHead(207, { "content-type": xmlType });
	await pipeline(
		Readable.from(describe(exchange, node, requested, depth !== "0")),
		response,
	);
}

async function* describe(
	exchange: Exchange,
	node: Node,
	requested: RequestedProperties,
	withMembers: boolean,
): AsyncGenerator<string> {
	const { path, storage } = exchange;
	const { database } = storage;
	const locks = await allLocks(database);
	const describeAll = async (nodes: Node[], pathOf: (node: Node) => Path) => {
		const properties = await propertiesOf(database, nodes);
		return nodes
			.map((one) =>
				describeOne(exchange, locks, requested, {
					node: one,
					path: pathOf(one),
					dead: properties.get(one.id) ?? [],
				}),
			)
			.join("");
	};
	yield `${xmlHead}<D:multistatus${davDeclaration}>`;
	yield await describeAll([node], () => path);
	let after = "";
	for (let more = withMembers && !node.content; more; ) {
		const members = await membersOf(database, node, { after, limit: pageSize });
		yield await describeAll(members, ({ name }) => [...path, name]);
		after = members.at(-1)?.name ?? "";
		more = members.length === pageSize;
	}
	yield "</D:multistatus>";
}

function describeOne(
	exchange: Exchange,
	locks: readonly Lock[],
	requested: RequestedProperties,
	{ node, path, dead }: { node: Node; path: Path; dead: DeadProperty[] },
): string {
	const live = liveProperties(node, locksCovering(locks, path), (lockPath) =>
		exchange.href(lockPath, false),
	);
	const known = [
		...[...live].map(([name, xml]) => ({ namespace: davNamespace, name, xml })),
		...dead,
	];
	const href = exchange.href(path, !node.content);
	if (requested === "all" || requested === "names")
		return responseOf(
			href,
			propstat(
				200,
				known.map((one) => (requested === "all" ? one.xml : empty(one))),
			),
		);
	const found: string[] = [];
	const missing: string[] = [];
	for (const one of requested) {
		const property = known.find(
			({ namespace, name }) => namespace === one.namespace && name === one.name,
		);
		if (property) found.push(property.xml);
		else missing.push(empty(one));
	}
	const nothing = requested.length === 0 ? propstat(200, [" "]) : "";
	return responseOf(
		href,
		propstat(200, found),
		propstat(404, missing),
		nothing,
	);
}

function empty({ namespace, name }: PropertyName): string {
	return formatElement(namespace, name);
}

/** A request without a body asks for all. @throws DavError if the body asks for none. */
function parsePropfind(body: XmlElement | undefined): RequestedProperties {
	if (!body) return "all";
	const isPropfind =
		body.namespace === davNamespace && body.name === "propfind";
	if (isPropfind && davChild(body, "propname")) return "names";
	if (isPropfind && davChild(body, "allprop")) return "all";
	const prop = isPropfind ? davChild(body, "prop") : undefined;
	if (!prop) throw new DavError(400, "The body requests no properties");
	return elementsOf(prop);
}
