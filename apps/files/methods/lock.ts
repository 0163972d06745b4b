import { randomUUID } from "node:crypto";
import type { Change } from "../database.ts";
import type { Exchange } from "../exchange.ts";
import { guard, knownTokens } from "../guard.ts";
import { addLock, allLocks, refreshLock, removeLock } from "../lock-table.ts";
import { conflict, covering, type Lock } from "../locks.ts";
import { parentOf } from "../paths.ts";
import { lockDiscovery } from "../properties.ts";
import { Refusal } from "../refusal.ts";
import { addNode, findNode, finishContent } from "../tree.ts";
import {
	dav,
	davChild,
	davDocument,
	writeXml,
	type XmlElement,
} from "../xml.ts";
import { findParent } from "./write.ts";

const defaultTimeoutSeconds = 60 * 60;
const longestTimeoutSeconds = 24 * 60 * 60;
const mostLocks = 1_000;
const longestOwnerBytes = 4_096;

/** LOCK: a new one, or without a body one more time the one that the header If names. */
export async function lock(exchange: Exchange): Promise<void> {
	const info = await exchange.readXml();
	if (info) await take(exchange, info);
	else await refresh(exchange);
}

/** UNLOCK. */
export async function unlock(exchange: Exchange): Promise<void> {
	const { path, storage } = exchange;
	const [, token] = /^<(.+)>$/.exec(exchange.header("lock-token") ?? "") ?? [];
	if (token === undefined) throw new Refusal(400, "Lock-Token is missing");
	await storage.change(async (change) => {
		const locks = covering(await allLocks(change), path);
		const found = locks.find((one) => one.token === token);
		if (!found)
			throw new Refusal(
				409,
				"There is no such lock",
				"lock-token-matches-request-uri",
			);
		await removeLock(change, found);
	});
	exchange.answer(204);
}

async function take(exchange: Exchange, info: XmlElement): Promise<void> {
	const { path, storage } = exchange;
	const wanted: Lock = {
		token: `urn:uuid:${randomUUID()}`,
		path,
		isDeep: exchange.depth(["0", "infinity"]) === "infinity",
		isExclusive: isExclusive(info),
		owner: ownerOf(info),
		timeoutSeconds: timeoutOf(exchange),
	};
	const isNew = await storage.change(async (change) => {
		const locks = await allLocks(change);
		const other = conflict(locks, wanted);
		if (other)
			throw new Refusal(
				423,
				"Somebody else has locked it",
				"no-conflicting-lock",
				exchange.href(other.path, false),
			);
		if (locks.length >= mostLocks)
			throw new Refusal(507, `There are ${mostLocks} locks already`);
		const node = await findNode(change, path);
		const paths = node ? [] : [parentOf(path)];
		await guard(change, exchange, node, { paths });
		if (!node) await addEmptyFile(exchange, change);
		await addLock(change, wanted);
		return !node;
	});
	answer(exchange, isNew ? 201 : 200, wanted, {
		"lock-token": `<${wanted.token}>`,
	});
}

async function refresh(exchange: Exchange): Promise<void> {
	const { path, storage } = exchange;
	const timeoutSeconds = timeoutOf(exchange);
	const found = await storage.change(async (change) => {
		const locks = await allLocks(change);
		const tokens = await knownTokens(change, exchange, locks);
		const [first] = covering(locks, path).filter(({ token }) =>
			tokens.includes(token),
		);
		if (!first)
			throw new Refusal(
				412,
				"The header If names no lock of this place",
				"lock-token-matches-request-uri",
			);
		await refreshLock(change, first, timeoutSeconds);
		return first;
	});
	answer(exchange, 200, { ...found, timeoutSeconds });
}

function answer(
	exchange: Exchange,
	status: number,
	its: Lock,
	headers: Record<string, string> = {},
): void {
	const text = lockDiscovery([its], (path) => exchange.href(path, false));
	exchange.answerXml(
		status,
		davDocument("prop", dav("lockdiscovery", text)),
		headers,
	);
}

/** Locking keeps a name free, too: by a file without content. */
async function addEmptyFile({ path }: Exchange, change: Change): Promise<void> {
	const parent = await findParent(change, path);
	const type = "application/octet-stream";
	const { rows } = await change.query<{ id: string }>(
		"INSERT INTO content (type) VALUES ($1) RETURNING id",
		[type],
	);
	const content = { id: rows[0]?.id ?? "", type, sizeBytes: 0 };
	await finishContent(change, content);
	await addNode(change, parent, path.at(-1) ?? "", content);
}

/** @throws Refusal where it is no write lock. */
function isExclusive(info: XmlElement): boolean {
	const scope = davChild(info, "lockscope");
	const exclusive = davChild(scope, "exclusive") !== undefined;
	if (
		!davChild(davChild(info, "locktype"), "write") ||
		exclusive === (davChild(scope, "shared") !== undefined)
	)
		throw new Refusal(400, "There are exclusive and shared locks for writing");
	return exclusive;
}

/** As it was given. @throws Refusal where it is too long. */
function ownerOf(info: XmlElement): string {
	const owner = davChild(info, "owner");
	const xml = owner ? writeXml(owner) : "";
	if (Buffer.byteLength(xml) > longestOwnerBytes)
		throw new Refusal(507, `At most ${longestOwnerBytes} bytes of owner`);
	return xml;
}

/** @returns seconds: what is wished for first, within limits. */
function timeoutOf(exchange: Exchange): number {
	const header = exchange.header("timeout") ?? "";
	const [, seconds] = /^Second-(\d+)/i.exec(header) ?? [];
	if (seconds === undefined) return defaultTimeoutSeconds;
	return Math.min(Math.max(1, Number(seconds)), longestTimeoutSeconds);
}
