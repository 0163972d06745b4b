import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Exchange, xmlType } from "../exchange.ts";
import { allLocks } from "../lock-table.ts";
import { covering, type Lock } from "../locks.ts";
import { propstat, responseOf } from "../multistatus.ts";
import type { Path } from "../paths.ts";
import { liveProperties } from "../properties.ts";
import { type DeadProperty, propertiesOf } from "../property-table.ts";
import { Refusal } from "../refusal.ts";
import { findNode, membersOf, type Node } from "../tree.ts";
import {
	davChild,
	davDeclaration,
	davNamespace,
	elementsOf,
	writeElement,
	type XmlElement,
	xmlHead,
} from "../xml.ts";

type PropertyName = Pick<XmlElement, "namespace" | "name">;

/** Which properties are asked for: all, their names only, or these. */
type Wanted = "all" | "names" | PropertyName[];

const pageSize = 100;

/** PROPFIND. A folder may be larger than the memory: it is told page by page. */
export async function propfind(exchange: Exchange): Promise<void> {
	const { path, response, storage } = exchange;
	const depth = exchange.depth(["0", "1", "infinity"]);
	const wanted = wantedOf(await exchange.readXml());
	const node = await findNode(storage.database, path);
	if (!node) throw new Refusal(404, "There is no such file");
	if (depth === "infinity" && !node.content)
		throw new Refusal(
			403,
			"Folders are told one by one",
			"propfind-finite-depth",
		);
	response.writeHead(207, { "content-type": xmlType });
	await pipeline(
		Readable.from(describe(exchange, node, wanted, depth !== "0")),
		response,
	);
}

async function* describe(
	exchange: Exchange,
	node: Node,
	wanted: Wanted,
	withMembers: boolean,
): AsyncGenerator<string> {
	const { path, storage } = exchange;
	const { database } = storage;
	const locks = await allLocks(database);
	const describeAll = async (nodes: Node[], pathOf: (node: Node) => Path) => {
		const properties = await propertiesOf(database, nodes);
		return nodes
			.map((one) =>
				describeOne(exchange, locks, wanted, {
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
		const members = await membersOf(database, node, { after, most: pageSize });
		yield await describeAll(members, ({ name }) => [...path, name]);
		after = members.at(-1)?.name ?? "";
		more = members.length === pageSize;
	}
	yield "</D:multistatus>";
}

function describeOne(
	exchange: Exchange,
	locks: readonly Lock[],
	wanted: Wanted,
	{ node, path, dead }: { node: Node; path: Path; dead: DeadProperty[] },
): string {
	const live = liveProperties(node, covering(locks, path), (lockPath) =>
		exchange.href(lockPath, false),
	);
	const known = [
		...[...live].map(([name, xml]) => ({ namespace: davNamespace, name, xml })),
		...dead,
	];
	const href = exchange.href(path, !node.content);
	if (wanted === "all" || wanted === "names")
		return responseOf(
			href,
			propstat(
				200,
				known.map((one) => (wanted === "all" ? one.xml : empty(one))),
			),
		);
	const found: string[] = [];
	const missing: string[] = [];
	for (const one of wanted) {
		const property = known.find(
			({ namespace, name }) => namespace === one.namespace && name === one.name,
		);
		if (property) found.push(property.xml);
		else missing.push(empty(one));
	}
	const nothing = wanted.length === 0 ? propstat(200, [" "]) : "";
	return responseOf(
		href,
		propstat(200, found),
		propstat(404, missing),
		nothing,
	);
}

function empty({ namespace, name }: PropertyName): string {
	return writeElement(namespace, name);
}

/** No body asks for all. @throws Refusal where it asks for nothing that we know. */
function wantedOf(body: XmlElement | undefined): Wanted {
	if (!body) return "all";
	const isOurs = body.namespace === davNamespace && body.name === "propfind";
	if (isOurs && davChild(body, "propname")) return "names";
	if (isOurs && davChild(body, "allprop")) return "all";
	const prop = isOurs ? davChild(body, "prop") : undefined;
	if (!prop) throw new Refusal(400, "The body asks for no property");
	return elementsOf(prop);
}
