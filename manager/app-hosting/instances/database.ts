import { escapeIdentifier, escapeLiteral } from "pg";
import type { Database, Query } from "../../database/database.ts";
import { scramVerifier } from "../../database/scram.ts";
import { instancesRole } from "./schema.ts";

/** What an instance's database is called, and who may use it. */
export interface InstanceDatabase {
	databaseName: string;
	databaseUser: string;
	databasePassword: string;
}

/**
 * Makes what is missing of an instance's user and database. Each step may be cut off and done
 * again. CREATE DATABASE cannot be part of a transaction.
 */
export async function makeDatabase(
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
 * Renames an instance's database and user and changes the password, within a transaction: for
 * PostgreSQL these are rows like others. Ends who is connected, since it renames no database
 * that is in use; it waits 5 s for those who connect again meanwhile.
 * @throws DatabaseError 55006 where somebody stays.
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
	// Also after a new name alone: PostgreSQL drops an MD5 password, which is salted with the name.
	await query(
		`ALTER ROLE ${escapeIdentifier(to.databaseUser)} PASSWORD ${escapeLiteral(scramVerifier(to.databasePassword))}`,
	);
}

/**
 * Removes what is there of them, and ends who is connected. Its owner may have done anything
 * within the database's rights; that must not keep it.
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
	// Rights that other instances have given it in their own databases.
	for (const other of await databasesWith(database, databaseUser))
		await database.queryIn(other, `DROP OWNED BY ${user}`);
	await database.query(`DROP ROLE ${user}`);
}

async function databasesWith(
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
