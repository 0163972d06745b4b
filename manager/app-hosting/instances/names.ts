import * as z from "zod";

/** PostgreSQL cuts off longer names (NAMEDATALEN), and two could become one. */
const longestDatabaseNameBytes = 63;

/** Part of the instance's path, where nothing has to be escaped. */
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
		error: "the path /manager is the manager's",
	});

export const databaseName = z
	.string()
	.min(1)
	.refine((name) => Buffer.byteLength(name) <= longestDatabaseNameBytes, {
		error: `at most ${longestDatabaseNameBytes} bytes`,
	})
	.refine((name) => !/\p{Cc}/u.test(name), {
		error: "no control characters",
	});

/** Databases and users that are not an instance's. */
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

export const instanceDatabaseUser = databaseName.refine(
	(name) =>
		!systemUsers.has(name) &&
		!/^pg_/.test(name) &&
		!["public", "none"].includes(name),
	{ error: "is a user of the system" },
);

/** @returns the name of both database and user unless somebody chooses another; it may be too long. */
export function defaultDatabaseName(domain: string, name: string): string {
	return `${domain}_${name}`;
}

/** Where the instance is reached. */
export function webPath({
	domain,
	name,
}: {
	domain: string;
	name: string;
}): string {
	return `/${domain}/${name}/`;
}
