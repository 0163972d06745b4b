import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import { OperationError } from "../../shared/operation-error.ts";
import type { CleanUps } from "./clean-up.ts";
import type { ConnectionTests } from "./connection-test/connection-test.ts";
import { assertKeepsPassword, externalHost } from "./external-host.ts";
import { instanceId } from "./input.ts";
import type { Instances } from "./instances.ts";
import { instanceDatabaseName, instanceDatabaseUser } from "./names.ts";
import { assertReadable, databasePassword } from "./passwords.ts";

export function instanceDatabaseOperations(
	instances: Instances,
	cleanUps: CleanUps,
	connectionTests: ConnectionTests,
	localHost: string,
) {
	return [
		defineOperation({
			name: "instanceTestConnection",
			summary:
				"Tries to connect to the database of an instance or of a planned one, and returns the reason of a failure",
			permission: "administrator",
			/**
			 * Missing fields are those of the instance; null means this machine. Without `id`, for a
			 * planned instance, all fields are required.
			 */
			input: z.strictObject({
				id: instanceId.optional(),
				externalHost: externalHost.nullable().optional(),
				databaseName: instanceDatabaseName.optional(),
				databaseUser: instanceDatabaseUser.optional(),
				databasePassword: databasePassword.optional(),
			}),
			output: z.object({
				works: z.boolean(),
				text: z.string(),
				version: z.string().optional(),
				usesTls: z.boolean().optional(),
			}),
			async handle({ id, ...given }) {
				const stored = id === undefined ? undefined : await instances.find(id);
				const { externalHost: host = stored?.externalHost } = given;
				if (!stored && !host)
					throw new OperationError(
						"invalid",
						"notMadeYet",
						"A database on this machine is created with its instance: only a database on another host can be tested first",
					);
				if (stored && given.databasePassword === undefined)
					assertKeepsPassword(stored.externalHost, given.externalHost);
				const name = given.databaseName ?? stored?.databaseName;
				const user = given.databaseUser ?? stored?.databaseUser;
				const password =
					given.databasePassword ??
					(stored && assertReadable(stored.databasePassword));
				if (!name || !user || !password)
					throw new OperationError(
						"invalid",
						"databaseUnknown",
						"Enter the database, user and password to test: the instance does not exist yet",
					);
				const where = host ?? { host: localHost };
				return connectionTests.run({ ...where, name, user, password });
			},
		}),
		defineOperation({
			name: "instanceCleanUpDatabase",
			summary:
				"Starts to return the space of deleted data in an instance's database to the disk",
			permission: "administrator",
			input: z.strictObject({ id: instanceId }),
			output: z.strictObject({}),
			async handle({ id }) {
				await cleanUps.start(await instances.find(id));
				return {};
			},
		}),
	];
}
