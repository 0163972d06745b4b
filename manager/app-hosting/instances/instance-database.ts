import { randomBytes } from "node:crypto";
import { DatabaseError, escapeIdentifier, escapeLiteral } from "pg";
import {
	type Database,
	managerRole,
	type Query,
} from "../../database/database.ts";
import type { ForeignDatabase } from "../../database/foreign-database.ts";
import { scramVerifier } from "../../database/scram.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { deletedUserPrefix } from "./names.ts";
import { assertReadable } from "./passwords.ts";
import { instancesRole } from "./schema.ts";

/**
 * Of an instance. PostgreSQL has 189 connections for apps (max_connections less what is reserved): eleven apps that
 * take all they can leave some for the others. The SDK takes two.
 */
export const maxConnections = 16;
/** For rolling back a transaction. */
const rollbackLimitMs = 60_000;

/** SQLSTATEs. */
const noRights = "42501";
const stillReferredTo = "2BP01";

/** The name and the credentials of an instance's database. */
export interface InstanceDatabase {
	databaseName: string;
	databaseUser: string;
	/** Undefined if it cannot be read. */
	databasePassword: string | undefined;
}

/**
 * Returns what is needed to enter the database with the instance's rights.
 * @throws SecretUnreadable
 */
export function ownerOf(instance: InstanceDatabase): ForeignDatabase {
	return {
		database: instance.databaseName,
		user: instance.databaseUser,
		password: assertReadable(instance.databasePassword),
	};
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
	if (!(await hasUser(database, databaseUser)))
		await database.query(`CREATE ROLE ${user}`);
	// The manager has the rights of all owners; none of them has the manager's.
	await database.query(`GRANT ${user} TO ${managerRole}`);
	const verifier = escapeLiteral(
		scramVerifier(assertReadable(databasePassword)),
	);
	await database.query(
		`ALTER ROLE ${user} LOGIN PASSWORD ${verifier} CONNECTION LIMIT ${maxConnections}`,
	);
	await database.query(`GRANT ${instancesRole} TO ${user}`);
	if (!(await hasDatabase(database, databaseName)))
		await database.query(`CREATE DATABASE ${name} OWNER ${user}`);
	await database.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
}

/** Limits the connections of users that have no limit: those of older versions. */
export async function limitConnections(database: Database): Promise<void> {
	const unlimited = await database.query<{ user: string }>(
		`SELECT database_user AS user FROM instance
		 JOIN pg_roles ON rolname = database_user WHERE rolconnlimit = -1`,
	);
	for (const { user } of unlimited)
		await database.query(
			`ALTER ROLE ${escapeIdentifier(user)} CONNECTION LIMIT ${maxConnections}`,
		);
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
	await endSessions(query, from);
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
		`ALTER ROLE ${escapeIdentifier(to.databaseUser)} PASSWORD ${escapeLiteral(scramVerifier(assertReadable(to.databasePassword)))}`,
	);
}

/**
 * Ends the sessions in an instance's database and of its user, but not those of superusers.
 * @param kept process ids of sessions that continue.
 */
export async function endSessions(
	query: Query,
	{ databaseName, databaseUser }: InstanceDatabase,
	kept: readonly number[] = [],
): Promise<void> {
	await query(
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_roles ON pg_roles.oid = usesysid
		 WHERE (datname = $1 OR usename = $2) AND NOT rolsuper AND pid <> ALL ($3)`,
		[databaseName, databaseUser, kept],
	);
}

/**
 * Makes transactions of new sessions of an instance's user in its database read-only by default, or no longer. What
 * the user sets for the database or for itself has less weight, but not what it sets in a session.
 */
export async function setReadOnly(
	database: Database,
	{ databaseName, databaseUser }: InstanceDatabase,
	isReadOnly: boolean,
): Promise<void> {
	const user = escapeIdentifier(databaseUser);
	const name = escapeIdentifier(databaseName);
	await database.query(
		`ALTER ROLE ${user} IN DATABASE ${name} ${isReadOnly ? "SET default_transaction_read_only = on" : "RESET default_transaction_read_only"}`,
	);
}

/** Changes the password in PostgreSQL only. */
export async function setPassword(
	database: Database,
	{ databaseUser }: InstanceDatabase,
	password: string,
): Promise<void> {
	await database.query(
		`ALTER ROLE ${escapeIdentifier(databaseUser)} PASSWORD ${escapeLiteral(scramVerifier(password))}`,
	);
}

/**
 * Deletes what exists of an instance's database and user, and closes their connections, whatever
 * the user has changed with the rights of a database owner. The user of an instance to which others have granted
 * rights, or that owns something in their databases, is only disabled and renamed: the manager does not enter those.
 * @param all the databases of all instances.
 * @throws OperationError if an administrator uses the database.
 */
export async function dropDatabase(
	database: Database,
	instance: InstanceDatabase,
	all: readonly InstanceDatabase[],
): Promise<void> {
	const { databaseName, databaseUser } = instance;
	const name = escapeIdentifier(databaseName);
	const user = escapeIdentifier(databaseUser);
	if (await hasUser(database, databaseUser))
		await database.query(`ALTER ROLE ${user} NOLOGIN`);
	await endSessions((...query) => database.query(...query), instance);
	await rollBackPrepared(database, instance, all);
	if (await hasDatabase(database, databaseName))
		try {
			await database.query(`ALTER DATABASE ${name} IS_TEMPLATE false`);
			await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
		} catch (error) {
			throw isDatabaseError(error, noRights)
				? usedByAdministrator(
						`PostgreSQL refuses to delete the database ${databaseName}: ${error.message}`,
					)
				: error;
		}
	if (await hasUser(database, databaseUser)) await dropUser(database, user);
	await dropDisabledUsers(database);
}

/** @param user quoted. */
async function dropUser(database: Database, user: string): Promise<void> {
	try {
		await database.query(`DROP ROLE ${user}`);
	} catch (error) {
		if (!isDatabaseError(error, stillReferredTo)) throw error;
		await database.query(
			`ALTER ROLE ${user} RENAME TO ${deletedUserPrefix}${randomBytes(8).toString("hex")}`,
		);
	}
}

/** Deletes the disabled users to which nothing refers any longer. */
async function dropDisabledUsers(database: Database): Promise<void> {
	const disabled = await database.query<{ user: string }>(
		"SELECT rolname AS user FROM pg_roles WHERE starts_with(rolname, $1) AND NOT rolcanlogin",
		[deletedUserPrefix],
	);
	for (const { user } of disabled)
		await database
			.query(`DROP ROLE ${escapeIdentifier(user)}`)
			.catch((error) => {
				if (!isDatabaseError(error, stillReferredTo)) throw error;
			});
}

/**
 * Rolls back the prepared transactions in a database, which could not be deleted otherwise, and those of its user,
 * which would remain for ever. PostgreSQL wants them to be rolled back by who prepared them, in the same database.
 */
async function rollBackPrepared(
	database: Database,
	instance: InstanceDatabase,
	all: readonly InstanceDatabase[],
): Promise<void> {
	const prepared = await database.query<{
		gid: string;
		user: string;
		name: string;
	}>(
		`SELECT gid, owner AS user, database AS name FROM pg_prepared_xacts
		 WHERE database = $1 OR owner = $2`,
		[instance.databaseName, instance.databaseUser],
	);
	for (const { gid, user, name } of prepared) {
		const owner = all.find(({ databaseUser }) => databaseUser === user);
		if (!owner)
			throw usedByAdministrator(
				`The database ${name} has a prepared transaction ${gid} of ${user}`,
			);
		await allowConnections(database, name, owner);
		await database.inForeignDatabase(
			{ ...ownerOf(owner), database: name },
			rollbackLimitMs,
			(query) => query(`ROLLBACK PREPARED ${escapeLiteral(gid)}`),
		);
	}
	if (prepared.length > 0)
		await database.query(
			`ALTER ROLE ${escapeIdentifier(instance.databaseUser)} NOLOGIN`,
		);
}

/** Lets the manager connect as the user of an instance, whatever database owners have changed. */
async function allowConnections(
	database: Database,
	name: string,
	{ databaseUser, databasePassword }: InstanceDatabase,
): Promise<void> {
	const verifier = escapeLiteral(
		scramVerifier(assertReadable(databasePassword)),
	);
	const user = escapeIdentifier(databaseUser);
	const quoted = escapeIdentifier(name);
	await database.query(`ALTER ROLE ${user} LOGIN PASSWORD ${verifier}`);
	for (const statement of [
		`ALTER DATABASE ${quoted} WITH ALLOW_CONNECTIONS true CONNECTION LIMIT -1`,
		`GRANT CONNECT ON DATABASE ${quoted} TO ${user}`,
	])
		await database.query(statement).catch((error) => {
			// An administrator's database, where it may be allowed to connect anyway.
			if (!isDatabaseError(error, noRights)) throw error;
		});
}

function isDatabaseError(error: unknown, code: string): error is DatabaseError {
	return error instanceof DatabaseError && error.code === code;
}

function usedByAdministrator(what: string): OperationError {
	return new OperationError(
		"conflict",
		"databaseInUse",
		`${what}. Use psql as root to end what an administrator does in the database, then delete the instance again`,
	);
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
