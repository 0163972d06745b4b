import * as z from "zod";

/** PostgreSQL truncates longer names (NAMEDATALEN), and two could become the same. */
const maxDatabaseNameBytes = 63;

/** Part of the instance's path: needs no escaping. */
export const instanceName = z
	.string()
	.regex(
		/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
		"1 to 63 letters, digits and . _ - of which the first is a letter or digit",
	);

export const domainName = z
	.string()
	.max(253)
	.regex(
		/^[A-Za-z0-9][A-Za-z0-9._-]*$/,
		"letters, digits and . _ - of which the first is a letter or digit",
	)
	.refine((name) => name !== "manager", {
		error: "the path /manager is reserved for the manager",
	});

export const databaseName = z
	.string()
	.min(1)
	.refine((name) => Buffer.byteLength(name) <= maxDatabaseNameBytes, {
		error: `at most ${maxDatabaseNameBytes} bytes`,
	})
	.refine((name) => !/\p{Cc}/u.test(name), {
		error: "no control characters",
	});

/** Databases that do not belong to instances. */
const systemDatabases = new Set([
	"manager",
	"postgres",
	"template0",
	"template1",
]);

export const instanceDatabaseName = databaseName.refine(
	(name) => !systemDatabases.has(name),
	{ error: "is a database of the system" },
);

const systemUsers = new Set(["root", "postgres", "admin", "app_instances"]);

/** Users of deleted instances that others' databases still refer to. */
export const deletedUserPrefix = "app_platform_deleted_";

export const instanceDatabaseUser = databaseName.refine(
	(name) =>
		!systemUsers.has(name) &&
		!/^(pg|app_platform)_/.test(name) &&
		!["public", "none"].includes(name),
	{ error: "is a user of the system" },
);

/** @returns the default name of both database and user; it may be too long. */
export function defaultDatabaseName(domain: string, name: string): string {
	return `${domain}_${name}`;
}

/** Returns the instance's path on the web server. */
export function webPath({
	domain,
	name,
}: {
	domain: string;
	name: string;
}): string {
	return `/${domain}/${name}/`;
}
