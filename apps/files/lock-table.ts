import type { Database } from "./database.ts";
import type { Lock } from "./locks.ts";
import type { Path } from "./paths.ts";

/** @returns the locks that have not expired. */
export async function allLocks(database: Database): Promise<Lock[]> {
	const { rows } = await database.query<Lock>(
		`SELECT token, path, is_deep AS "isDeep", is_exclusive AS "isExclusive", owner,
			ceil(extract(epoch FROM expires - now()))::integer AS "timeoutSeconds"
		 FROM lock WHERE expires > now() ORDER BY expires`,
	);
	return rows;
}

/** Adds a lock, and deletes expired ones. */
export async function addLock(database: Database, lock: Lock): Promise<void> {
	const { token, path, isDeep, isExclusive, owner, timeoutSeconds } = lock;
	await database.query("DELETE FROM lock WHERE expires <= now()");
	await database.query(
		`INSERT INTO lock VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))`,
		[token, path, isDeep, isExclusive, owner, timeoutSeconds],
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
