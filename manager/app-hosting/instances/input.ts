import * as z from "zod";
import { externalHost } from "./external-host.ts";
import {
	defaultDatabaseName,
	domainName,
	instanceDatabaseName,
	instanceDatabaseUser,
	instanceName,
} from "./names.ts";
import {
	databasePassword,
	instancePassword,
	newPassword,
} from "./passwords.ts";
import type { InstanceEdit } from "./table.ts";

// What administrators say of instances they want.

export const instanceId = z.int().min(1);

export const newInstance = z
	.strictObject({
		serviceId: z.string(),
		name: instanceName,
		domain: domainName,
		/** Without them, they are made up. */
		password: instancePassword.optional(),
		databasePassword: databasePassword.optional(),
		/** Both by default `<domain>_<name>`. */
		databaseName: instanceDatabaseName.optional(),
		databaseUser: instanceDatabaseUser.optional(),
		/** Without it, the database is on this machine. */
		externalHost: externalHost.nullable().optional(),
	})
	.transform((input, context) => {
		const byDefault = defaultDatabaseName(input.domain, input.name);
		const filled = {
			...input,
			databaseName: input.databaseName ?? byDefault,
			databaseUser: input.databaseUser ?? byDefault,
		};
		if (!instanceDatabaseName.safeParse(filled.databaseName).success)
			context.addIssue(
				`${byDefault} is too long for a database: give it a name of at most 63 bytes`,
			);
		return filled;
	});

/** Null means a new random one. */
const orMadeUp = (password: z.ZodType<string>) =>
	password.nullable().transform((given) => given ?? newPassword());

/** What is left out stays as it is. */
export const instanceEdit = z
	.strictObject({
		id: instanceId,
		name: instanceName.optional(),
		domain: domainName.optional(),
		password: orMadeUp(instancePassword).optional(),
		databaseName: instanceDatabaseName.optional(),
		databaseUser: instanceDatabaseUser.optional(),
		databasePassword: orMadeUp(databasePassword).optional(),
		/** Null brings the database back to this machine; nothing is copied. */
		externalHost: externalHost.nullable().optional(),
	})
	.transform(({ id, ...fields }) => ({
		id,
		changes: Object.fromEntries(
			Object.entries(fields).filter(([, value]) => value !== undefined),
		) as Partial<InstanceEdit>,
	}));
