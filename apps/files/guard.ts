import { failedPrecondition, type Version } from "../../sdk/index.ts";
import type { Database } from "./database.ts";
import { DavError } from "./dav-error.ts";
import type { Exchange } from "./exchange.ts";
import { IfHeader, type ResourceState } from "./if-header.ts";
import {
	allLocks,
	findBlockingLock,
	type Lock,
	locksCovering,
} from "./locks.ts";
import type { Path } from "./paths.ts";
import { etagOf, findNode, type Node } from "./tree.ts";

/** The paths that a request changes. */
export interface ChangedPaths {
	/** Files and directories; a directory changes when a member is added or removed. */
	paths: readonly Path[];
	/** Directories with all that is in them. */
	trees?: readonly Path[];
}

/**
 * Checks the request's conditions, and that it submits the tokens of the locks on what it changes.
 * @param node the file or directory of the request, as it is now.
 * @throws DavError 412 or 423.
 */
export async function guard(
	database: Database,
	exchange: Exchange,
	node: Node | undefined,
	changed: ChangedPaths,
): Promise<void> {
	const { headers } = exchange.request;
	if (failedPrecondition(headers, versionOf(node), false))
		throw new DavError(412, "A condition of the request does not hold");
	const locks = await allLocks(database);
	const submitted = await submittedTokens(database, exchange, locks);
	const lock = findBlockingLock(locks, submitted, changed);
	if (lock)
		throw new DavError(
			423,
			"The file is locked: the request submits no token of the lock",
			"lock-token-submitted",
			exchange.href(lock.path, false),
		);
}

export function versionOf(node: Node | undefined): Version | undefined {
	return node && { etag: etagOf(node), modified: node.modified };
}

/** @returns the tokens in the header If. @throws DavError 412 if the header does not hold. */
export async function submittedTokens(
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
			tokens: locksCovering(locks, path).map(({ token }) => token),
			etag: node && etagOf(node),
		});
	}
	if (!header.holds(states))
		throw new DavError(412, "The header If does not hold");
	return header.tokens;
}
