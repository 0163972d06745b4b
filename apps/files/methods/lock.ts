import { randomUUID } from "node:crypto";
import type { Transaction } from "../database.ts";
import { DavError } from "../dav-error.ts";
import type { Exchange } from "../exchange.ts";
import { guard, submittedTokens } from "../guard.ts";
import {
	addLock,
	allLocks,
	findConflict,
	type Lock,
	locksCovering,
	refreshLock,
	removeLock,
} from "../locks.ts";
import { parentOf } from "../paths.ts";
import { lockDiscovery } from "../properties.ts";
import { addNode, findNode, finishContent } from "../tree.ts";
import {
	dav,
	davChild,
	davDocument,
	formatXml,
	type XmlElement,
} from "../xml.ts";
import { findParent } from "./write.ts";

const defaultTimeoutSeconds = 10 * 60;
/** Clients refresh the locks that they need for longer. */
const maxTimeoutSeconds = 60 * 60;
/** Every request reads them all. */
const maxLocks = 2_000;
/** So that nobody takes all. */
const maxLocksPerHolder = 100;
const maxOwnerBytes = 4_096;

/** LOCK: creates a lock, or without a body refreshes the one that the header If names. */
export async function lock(exchange: Exchange): Promise<void> {
	const info = await exchange.readXml();
	if (info) await take(exchange, info);
	else await refresh(exchange);
}

/** UNLOCK. */
export async function unlock(exchange: Exchange): Promise<void> {
	const { path, storage } = exchange;
	const [, token] = /^<(.+)>$/.exec(exchange.header("lock-token") ?? "") ?? [];
	if (token === undefined)
		throw new DavError(400, "The header Lock-Token is missing");
	await storage.transaction(
		async (transaction) => {
			const locks = locksCovering(await allLocks(transaction), path);
			const found = locks.find((one) => one.token === token);
			if (!found)
				throw new DavError(
					409,
					"The file has no such lock",
					"lock-token-matches-request-uri",
				);
			await removeLock(transaction, found);
		},
		{ deletes: true },
	);
	exchange.answer(204);
}

async function take(exchange: Exchange, info: XmlElement): Promise<void> {
	const { path, storage } = exchange;
	const requested: Lock = {
		token: `urn:uuid:${randomUUID()}`,
		path,
		isDeep: exchange.depth(["0", "infinity"]) === "infinity",
		isExclusive: isExclusive(info),
		owner: ownerOf(info),
		timeoutSeconds: timeoutOf(exchange),
		holder: exchange.client,
	};
	const isNew = await storage.transaction(async (transaction) => {
		const locks = await allLocks(transaction);
		const other = findConflict(locks, requested);
		if (other)
			throw new DavError(
				423,
				"A conflicting lock exists",
				"no-conflicting-lock",
				exchange.href(other.path, false),
			);
		assertMayAdd(locks, requested);
		const node = await findNode(transaction, path);
		const paths = node ? [] : [parentOf(path)];
		await guard(transaction, exchange, node, { paths });
		if (!node) await addEmptyFile(exchange, transaction);
		await addLock(transaction, requested);
		return !node;
	});
	answer(exchange, isNew ? 201 : 200, requested, {
		"lock-token": `<${requested.token}>`,
	});
}

/** @throws DavError if there are too many locks. */
function assertMayAdd(locks: readonly Lock[], { holder }: Lock): void {
	const own = locks.filter((one) => one.holder === holder);
	if (own.length >= maxLocksPerHolder)
		throw new DavError(
			507,
			`A client can hold ${maxLocksPerHolder} locks: unlock some, or wait until they expire`,
		);
	if (locks.length >= maxLocks)
		throw new DavError(507, `The maximum of ${maxLocks} locks is reached`);
}

async function refresh(exchange: Exchange): Promise<void> {
	const { path, storage } = exchange;
	const timeoutSeconds = timeoutOf(exchange);
	const found = await storage.transaction(async (transaction) => {
		const locks = await allLocks(transaction);
		const tokens = await submittedTokens(transaction, exchange, locks);
		const [first] = locksCovering(locks, path).filter(({ token }) =>
			tokens.includes(token),
		);
		if (!first)
			throw new DavError(
				412,
				"The header If names no lock of this file",
				"lock-token-matches-request-uri",
			);
		await refreshLock(transaction, first, timeoutSeconds);
		return first;
	});
	answer(exchange, 200, { ...found, timeoutSeconds });
}

function answer(
	exchange: Exchange,
	status: number,
	lock: Lock,
	headers: Record<string, string> = {},
): void {
	const text = lockDiscovery([lock], (path) => exchange.href(path, false));
	exchange.answerXml(
		status,
		davDocument("prop", dav("lockdiscovery", text)),
		headers,
	);
}

/** A lock also reserves a name: by an empty file. */
async function addEmptyFile(
	{ path }: Exchange,
	transaction: Transaction,
): Promise<void> {
	const parent = await findParent(transaction, path);
	const type = "application/octet-stream";
	const { rows } = await transaction.query<{ id: string }>(
		"INSERT INTO content (type) VALUES ($1) RETURNING id",
		[type],
	);
	const content = { id: rows[0]?.id ?? "", type, sizeBytes: 0 };
	await finishContent(transaction, content);
	await addNode(transaction, parent, path.at(-1) ?? "", content);
}

/** @throws DavError if it is not a write lock. */
function isExclusive(info: XmlElement): boolean {
	const scope = davChild(info, "lockscope");
	const exclusive = davChild(scope, "exclusive") !== undefined;
	if (
		!davChild(davChild(info, "locktype"), "write") ||
		exclusive === (davChild(scope, "shared") !== undefined)
	)
		throw new DavError(400, "A lock must be an exclusive or shared write lock");
	return exclusive;
}

/** @returns the XML of the owner. @throws DavError if it is too long. */
function ownerOf(info: XmlElement): string {
	const owner = davChild(info, "owner");
	const xml = owner ? formatXml(owner) : "";
	if (Buffer.byteLength(xml) > maxOwnerBytes)
		throw new DavError(507, `The owner has more than ${maxOwnerBytes} bytes`);
	return xml;
}

/** @returns the first timeout that the client asks for, within the limits. */
function timeoutOf(exchange: Exchange): number {
	const header = exchange.header("timeout") ?? "";
	const [, seconds] = /^Second-(\d+)/i.exec(header) ?? [];
	if (seconds === undefined) return defaultTimeoutSeconds;
	return Math.min(Math.max(1, Number(seconds)), maxTimeoutSeconds);
}
