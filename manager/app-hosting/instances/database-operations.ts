import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import { OperationError } from "../../shared/operation-error.ts";
import type { CleanUps } from "./clean-up.ts";
import type { ConnectionTests } from "./connection-test/connection-test.ts";
import { externalHost } from "./external-host.ts";
import { instanceId } from "./input.ts";
import type { Instances } from "./instances.ts";
import { instanceDatabaseName, instanceDatabaseUser } from "./names.ts";
import { databasePassword } from "./passwords.ts";

/** What is done with instances' databases. */
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
				"Tries to connect to the database of an instance, or of one to be made, and says what fails",
			permission: "administrator",
			/**
			 * What is left out is as the instance has it; null is this machine. Without `id`, for an
			 * instance that is yet to be made, nothing can be left out.
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
						"A database on this machine is made with its instance: before that only one on another host can be tried",
					);
				const name = given.databaseName ?? stored?.databaseName;
				const user = given.databaseUser ?? stored?.databaseUser;
				const password = given.databasePassword ?? stored?.databasePassword;
				if (!name || !user || !password)
					throw new OperationError(
						"invalid",
						"databaseUnknown",
						"Say which database, user and password are to be tried: the instance is not made yet",
					);
				const where = host ?? { host: localHost };
				return connectionTests.try({ ...where, name, user, password });
			},
		}),
		defineOperation({
			name: "instanceCleanUpDatabase",
			summary:
				"Begins to give the room of deleted data in an instance's database back to the disk",
			permission: "administrator",
			input: z.strictObject({ id: instanceId }),
			output: z.strictObject({}),
			async handle({ id }) {
				await cleanUps.begin(await instances.find(id));
				return {};
			},
		}),
	];
}
