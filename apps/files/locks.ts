import type { Database } from "./database.ts";
import { isWithin, type Path } from "./paths.ts";

/** A write lock: exclusive, or shared with others. */
export interface Lock {
	token: string;
	path: Path;
	/** Covers everything below the path too. */
	isDeep: boolean;
	isExclusive: boolean;
	/** XML about its owner, shown to other clients. */
	owner: string;
	/** From now. */
	timeoutSeconds: number;
	/** The client that created it; empty if it is not known. */
	holder: string;
}

/** @returns the locks that protect the path, whether a file exists there or not. */
export function locksCovering(locks: readonly Lock[], path: Path): Lock[] {
	return locks.filter((lock) =>
		lock.isDeep ? isWithin(path, lock.path) : isSame(path, lock.path),
	);
}

/**
 * Finds a lock that blocks a change.
 * @param tokens those that the request submits.
 * @param paths files and directories that change.
 * @param trees directories that change with all that is in them.
 * @returns the first lock of a path for which the request submits no token.
 */
export function findBlockingLock(
	locks: readonly Lock[],
	tokens: readonly string[],
	{ paths, trees = [] }: { paths: readonly Path[]; trees?: readonly Path[] },
): Lock | undefined {
	const below = locks
		.map(({ path }) => path)
		.filter((path) => trees.some((tree) => isWithin(path, tree)));
	for (const path of [...paths, ...trees, ...below]) {
		const found = locksCovering(locks, path);
		if (found.length > 0 && !found.some(({ token }) => tokens.includes(token)))
			return found[0];
	}
	return undefined;
}

/** @returns a lock that conflicts with the requested one. */
export function findConflict(
	locks: readonly Lock[],
	requested: Pick<Lock, "path" | "isDeep" | "isExclusive">,
): Lock | undefined {
	const below = requested.isDeep
		? locks.filter(({ path }) => isWithin(path, requested.path))
		: [];
	return [...locksCovering(locks, requested.path), ...below].find(
		({ isExclusive }) => isExclusive || requested.isExclusive,
	);
}

function isSame(path: Path, other: Path): boolean {
	return path.length === other.length && isWithin(path, other);
}

/** @returns the locks that have not expired. */
export async function allLocks(database: Database): Promise<Lock[]> {
	const { rows } = await database.query<Lock>(
		`SELECT token, path, is_deep AS "isDeep", is_exclusive AS "isExclusive", owner, holder,
			ceil(extract(epoch FROM expires - now()))::integer AS "timeoutSeconds"
		 FROM lock WHERE expires > now() ORDER BY expires`,
	);
	return rows;
}

/** Adds a lock, and deletes expired ones. */
export async function addLock(database: Database, lock: Lock): Promise<void> {
	const { token, path, isDeep, isExclusive, owner, timeoutSeconds, holder } =
		lock;
	await database.query("DELETE FROM lock WHERE expires <= now()");
	await database.query(
		`INSERT INTO lock VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6), $7)`,
		[token, path, isDeep, isExclusive, owner, timeoutSeconds, holder],
	);
}

/** @param timeoutSeconds from now. */
export async function refreshLock(
	database: Database,
	{ token }: Lock,
	timeoutSeconds: number,
): Promise<void> {
	await database.query(
		"UPDATE lock SET expires = now() + make_interval(secs => $2) WHERE token = $1",
		[token, timeoutSeconds],
	);
}

export async function removeLock(
	database: Database,
	{ token }: Lock,
): Promise<void> {
	await database.query("DELETE FROM lock WHERE token = $1", [token]);
}

/** Locks belong to paths: what is moved or deleted does not keep them. */
export async function removeLocksWithin(
	database: Database,
	path: Path,
): Promise<void> {
	await database.query("DELETE FROM lock WHERE path[1:$2] = $1::text[]", [
		path,
		path.length,
	]);
}
