import { failedPrecondition, type Version } from "../../sdk/index.ts";
import type { Database } from "./database.ts";
import type { Exchange } from "./exchange.ts";
import { IfHeader, type ResourceState } from "./if-header.ts";
import { allLocks } from "./lock-table.ts";
import { covering, type Lock, obstacle } from "./locks.ts";
import type { Path } from "./paths.ts";
import { Refusal } from "./refusal.ts";
import { etagOf, findNode, type Node } from "./tree.ts";

/** What a request changes. */
export interface Touched {
	/** Files and folders; a folder changes when a member comes or goes. */
	paths: readonly Path[];
	/** Folders with all that is in them. */
	trees?: readonly Path[];
}

/**
 * Whether the request's own conditions hold and it knows the locks of what it changes.
 * @param node what the request is about, as it is now.
 * @throws Refusal 412 or 423.
 */
export async function guard(
	database: Database,
	exchange: Exchange,
	node: Node | undefined,
	touched: Touched,
): Promise<void> {
	const { headers } = exchange.request;
	if (failedPrecondition(headers, versionOf(node), false))
		throw new Refusal(412, "It has changed");
	const locks = await allLocks(database);
	const known = await knownTokens(database, exchange, locks);
	const lock = obstacle(locks, known, touched);
	if (lock)
		throw new Refusal(
			423,
			"It is locked",
			"lock-token-submitted",
			exchange.href(lock.path, false),
		);
}

export function versionOf(node: Node | undefined): Version | undefined {
	return node && { etag: etagOf(node), modified: node.modified };
}

/** Of the header If. @throws Refusal 412 where it does not hold. */
export async function knownTokens(
	database: Database,
	exchange: Exchange,
	locks: readonly Lock[],
): Promise<string[]> {
	const text = exchange.header("if");
	if (text === undefined) return [];
	const header = new IfHeader(text);
	const states = new Map<string | undefined, ResourceState>();
	for (const resource of header.resources) {
		const path =
			resource === undefined ? exchange.path : exchange.pathOf(resource);
		const node = await findNode(database, path);
		states.set(resource, {
			tokens: covering(locks, path).map(({ token }) => token),
			etag: node && etagOf(node),
		});
	}
	if (!header.holds(states)) throw new Refusal(412, "A condition fails");
	return header.tokens;
}
