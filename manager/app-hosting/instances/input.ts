import * as z from "zod";
import { externalHost } from "./external-host.ts";
import type { InstanceEdit } from "./instance-table.ts";
import {
	defaultDatabaseName,
	domainName,
	instanceDatabaseName,
	instanceDatabaseUser,
	instanceName,
} from "./names.ts";
import {
	databasePassword,
	generatePassword,
	instancePassword,
} from "./passwords.ts";

// What administrators enter for instances.

export const instanceId = z.int().min(1);

export const newInstance = z
	.strictObject({
		serviceId: z.string(),
		name: instanceName,
		domain: domainName,
		/** By default, both passwords are generated. */
		password: instancePassword.optional(),
		databasePassword: databasePassword.optional(),
		/** By default, both names are `<domain>_<name>`. */
		databaseName: instanceDatabaseName.optional(),
		databaseUser: instanceDatabaseUser.optional(),
		/** By default, the database is on this machine. */
		externalHost: externalHost.nullable().optional(),
	})
	.transform((input, context) => {
		const defaultName = defaultDatabaseName(input.domain, input.name);
		const complete = {
			...input,
			databaseName: input.databaseName ?? defaultName,
			databaseUser: input.databaseUser ?? defaultName,
		};
		if (!instanceDatabaseName.safeParse(complete.databaseName).success)
			context.addIssue(
				`${defaultName} is too long for a database name: enter one of at most 63 bytes`,
			);
		return complete;
	});

/** Null requests a new random password. */
const orGenerated = (password: z.ZodType<string>) =>
	password.nullable().transform((given) => given ?? generatePassword());

/** Missing fields stay unchanged. */
export const instanceEdit = z
	.strictObject({
		id: instanceId,
		name: instanceName.optional(),
		domain: domainName.optional(),
		password: orGenerated(instancePassword).optional(),
		databaseName: instanceDatabaseName.optional(),
		databaseUser: instanceDatabaseUser.optional(),
		databasePassword: orGenerated(databasePassword).optional(),
		/** Null selects the database on this machine; no data is copied. */
		externalHost: externalHost.nullable().optional(),
	})
	.transform(({ id, ...fields }) => ({
		id,
		changes: Object.fromEntries(
			Object.entries(fields).filter(([, value]) => value !== undefined),
		) as Partial<InstanceEdit>,
	}));
