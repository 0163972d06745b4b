import { STATUS_CODES } from "node:http";
import type { Database } from "./database.ts";
import type { Lock } from "./locks.ts";
import type { Path } from "./paths.ts";
import { etagOf, type Node } from "./tree.ts";
import { dav, escapeXml } from "./xml.ts";

const lockTypes = dav("locktype", dav("write"));
const supportedLock = ["exclusive", "shared"]
	.map((scope) => dav("lockentry", dav("lockscope", dav(scope)), lockTypes))
	.join("");

const names = new Set([
	...["creationdate", "getcontentlength", "getcontenttype", "getetag"],
	...["getlastmodified", "lockdiscovery", "resourcetype", "supportedlock"],
]);

/** Whether it is a property of DAV: that the server maintains and no client can set. */
export function isLive(name: string): boolean {
	return names.has(name);
}

/**
 * @param locks those that protect the node.
 * @returns the elements by their names in DAV:.
 */
export function liveProperties(
	node: Node,
	locks: readonly Lock[],
	href: (path: Path) => string,
): Map<string, string> {
	const { content, created, modified } = node;
	const values: [string, string][] = [
		["creationdate", created.toISOString()],
		["getlastmodified", modified.toUTCString()],
		["resourcetype", content ? "" : dav("collection")],
		["lockdiscovery", lockDiscovery(locks, href)],
		["supportedlock", supportedLock],
	];
	if (content)
		values.push(
			["getcontentlength", String(content.sizeBytes)],
			["getcontenttype", escapeXml(content.type)],
			["getetag", escapeXml(etagOf(node) ?? "")],
		);
	return new Map(values.map(([name, value]) => [name, dav(name, value)]));
}

/** The content of the property `lockdiscovery`. */
export function lockDiscovery(
	locks: readonly Lock[],
	href: (path: Path) => string,
): string {
	return locks
		.map(({ token, path, isDeep, isExclusive, owner, timeoutSeconds }) =>
			dav(
				"activelock",
				lockTypes,
				dav("lockscope", dav(isExclusive ? "exclusive" : "shared")),
				dav("depth", isDeep ? "infinity" : "0"),
				owner,
				dav("timeout", `Second-${timeoutSeconds}`),
				dav("locktoken", dav("href", escapeXml(token))),
				dav("lockroot", dav("href", escapeXml(href(path)))),
			),
		)
		.join("");
}

/** @param properties as XML elements. */
export function propstat(
	status: number,
	properties: readonly string[],
): string {
	if (properties.length === 0) return "";
	const line = `HTTP/1.1 ${status} ${STATUS_CODES[status]}`;
	return dav("propstat", dav("prop", ...properties), dav("status", line));
}

export function responseOf(href: string, ...propstats: string[]): string {
	return dav("response", dav("href", escapeXml(href)), ...propstats);
}

/** A property that clients store with a file; it has no meaning for the server. */
export interface DeadProperty {
	namespace: string;
	name: string;
	/** The whole element. */
	xml: string;
}

/** @returns the properties by the ids of the nodes. */
export async function propertiesOf(
	database: Database,
	nodes: readonly Node[],
): Promise<Map<string, DeadProperty[]>> {
	const { rows } = await database.query<DeadProperty & { node: string }>(
		"SELECT node, namespace, name, xml FROM property WHERE node = ANY($1) ORDER BY namespace, name",
		[nodes.map(({ id }) => id)],
	);
	return new Map(
		nodes.map(({ id }) => [id, rows.filter(({ node }) => node === id)]),
	);
}

export async function setProperty(
	database: Database,
	{ id }: Node,
	{ namespace, name, xml }: DeadProperty,
): Promise<void> {
	await database.query(
		`INSERT INTO property VALUES ($1, $2, $3, $4)
		 ON CONFLICT (node, namespace, name) DO UPDATE SET xml = excluded.xml`,
		[id, namespace, name, xml],
	);
}

export async function removeProperty(
	database: Database,
	{ id }: Node,
	{ namespace, name }: Pick<DeadProperty, "namespace" | "name">,
): Promise<void> {
	await database.query(
		"DELETE FROM property WHERE node = $1 AND namespace = $2 AND name = $3",
		[id, namespace, name],
	);
}
