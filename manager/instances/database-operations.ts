import * as z from "zod";
import { defineOperation, type Operation } from "../operations/operation.ts";
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
): Operation[] {
	return [
		defineOperation({
			name: "instanceTestConnection",
			summary:
				"Tries to connect to an instance's database, and says what fails",
			permission: "administrator",
			/** What is left out is as the instance has it; null is this machine. */
			input: z.strictObject({
				id: instanceId,
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
				const stored = await instances.find(id);
				const { externalHost: host = stored.externalHost } = given;
				return connectionTests.try({
					...(host ?? { host: localHost }),
					name: given.databaseName ?? stored.databaseName,
					user: given.databaseUser ?? stored.databaseUser,
					password: given.databasePassword ?? stored.databasePassword,
				});
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
