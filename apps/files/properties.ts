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
