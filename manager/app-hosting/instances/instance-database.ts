import { escapeIdentifier, escapeLiteral } from "pg";
import type { Database, Query } from "../../database/database.ts";
import { scramVerifier } from "../../database/scram.ts";
import { instancesRole } from "./schema.ts";

/** The name and the credentials of an instance's database. */
export interface InstanceDatabase {
	databaseName: string;
	databaseUser: string;
	databasePassword: string;
}

/**
 * Creates whatever is missing of an instance's user and database. Each step can be repeated after
 * an interruption: CREATE DATABASE cannot be part of a transaction.
 */
export async function createDatabase(
	database: Database,
	{ databaseName, databaseUser, databasePassword }: InstanceDatabase,
): Promise<void> {
	const user = escapeIdentifier(databaseUser);
	const name = escapeIdentifier(databaseName);
	const role = escapeIdentifier(instancesRole);
	if (!(await hasUser(database, databaseUser)))
		await database.query(`CREATE ROLE ${user}`);
	const verifier = escapeLiteral(scramVerifier(databasePassword));
	await database.query(`ALTER ROLE ${user} LOGIN PASSWORD ${verifier}`);
	await database.query(`GRANT ${role} TO ${user}`);
	if (!(await hasDatabase(database, databaseName)))
		await database.query(`CREATE DATABASE ${name} OWNER ${user}`);
	await database.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
}

/**
 * Renames an instance's database and user and changes the password, in the caller's transaction.
 * Closes all connections first, because PostgreSQL does not rename a database that is in use; it
 * waits 5 s for clients that reconnect.
 * @throws DatabaseError 55006 if one stays connected.
 */
export async function changeDatabase(
	query: Query,
	from: InstanceDatabase,
	to: InstanceDatabase,
): Promise<void> {
	await query(
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		 WHERE datname = $1 OR usename = $2`,
		[from.databaseName, from.databaseUser],
	);
	const rename = (kind: string, name: string, newName: string) =>
		query(
			`ALTER ${kind} ${escapeIdentifier(name)} RENAME TO ${escapeIdentifier(newName)}`,
		);
	if (to.databaseName !== from.databaseName)
		await rename("DATABASE", from.databaseName, to.databaseName);
	if (to.databaseUser !== from.databaseUser)
		await rename("ROLE", from.databaseUser, to.databaseUser);
	// Also if only the name changes: PostgreSQL drops an MD5 password, which is salted with the name.
	await query(
		`ALTER ROLE ${escapeIdentifier(to.databaseUser)} PASSWORD ${escapeLiteral(scramVerifier(to.databasePassword))}`,
	);
}

/**
 * Deletes what exists of an instance's database and user, and closes their connections, whatever
 * the user has changed with the rights of a database owner.
 */
export async function dropDatabase(
	database: Database,
	{ databaseName, databaseUser }: InstanceDatabase,
): Promise<void> {
	const name = escapeIdentifier(databaseName);
	if (await hasDatabase(database, databaseName)) {
		await database.query(`ALTER DATABASE ${name} IS_TEMPLATE false`);
		await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
	}
	if (!(await hasUser(database, databaseUser))) return;
	const user = escapeIdentifier(databaseUser);
	// Rights that other instances have granted it in their databases.
	for (const other of await databasesReferringTo(database, databaseUser))
		await database.queryIn(other, `DROP OWNED BY ${user}`);
	await database.query(`DROP ROLE ${user}`);
}

async function databasesReferringTo(
	database: Database,
	user: string,
): Promise<string[]> {
	const rows = await database.query<{ name: string }>(
		`SELECT DISTINCT datname AS name FROM pg_shdepend
		 JOIN pg_database ON pg_database.oid = dbid
		 JOIN pg_roles ON pg_roles.oid = refobjid
		 WHERE refclassid = 'pg_authid'::regclass AND rolname = $1`,
		[user],
	);
	return rows.map(({ name }) => name);
}

export async function hasDatabase(
	database: Database,
	name: string,
): Promise<boolean> {
	const rows = await database.query(
		"SELECT FROM pg_database WHERE datname = $1",
		[name],
	);
	return rows.length > 0;
}

export async function hasUser(
	database: Database,
	name: string,
): Promise<boolean> {
	const rows = await database.query("SELECT FROM pg_roles WHERE rolname = $1", [
		name,
	]);
	return rows.length > 0;
}
