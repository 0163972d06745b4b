import * as z from "zod";
import { allLogFlags } from "../../../sdk/log-flags.ts";
import type { Database } from "../../database/database.ts";
import type { Jobs } from "../../jobs/jobs.ts";
import { defineOperation } from "../../operations/operation.ts";
import { outcome, outcomeOf } from "../../operations/outcome.ts";
import type { CleanUps } from "./clean-up.ts";
import { assertKeepsPassword } from "./external-host.ts";
import { instanceId as id, instanceEdit, newInstance } from "./input.ts";
import type { Instances } from "./instances.ts";
import { webPath } from "./names.ts";
import { assertReadable } from "./passwords.ts";
import { instanceStatus, readStatus } from "./status.ts";

const nothing = z.strictObject({});

export function instanceOperations(
	instances: Instances,
	cleanUps: CleanUps,
	database: Database,
	jobs: Jobs,
) {
	return [
		defineOperation({
			name: "instances",
			summary:
				"Returns all instances with their states and the sizes of their databases",
			permission: "administrator",
			tokens: "read",
			live: { changes: [instances.changes, jobs.changes], everyMs: 5_000 },
			input: nothing,
			output: z.object({ instances: z.array(instanceStatus) }),
			handle: async () => ({
				instances: await readStatus(instances, cleanUps, database),
			}),
		}),
		defineOperation({
			name: "instanceCreate",
			summary:
				"Creates an instance of a service and its database, and starts it",
			permission: "administrator",
			input: newInstance,
			output: z.object({ id, path: z.string() }),
			async handle(input) {
				const instance = await instances.create(input);
				return { id: instance.id, path: webPath(instance) };
			},
		}),
		defineOperation({
			name: "instanceEdit",
			summary:
				"Changes names, passwords or database of an instance, and restarts it",
			permission: "administrator",
			input: instanceEdit,
			output: z.object({ path: z.string() }),
			async handle({ id, changes }) {
				if (changes.databasePassword === undefined)
					assertKeepsPassword(
						(await instances.find(id)).externalHost,
						changes.externalHost,
					);
				return { path: webPath(await instances.edit(id, changes)) };
			},
		}),
		defineOperation({
			name: "instanceCredentials",
			summary: "Returns the passwords of an instance",
			permission: "administrator",
			tokens: "byName",
			input: z.strictObject({ id }),
			output: z.object({ password: z.string(), databasePassword: z.string() }),
			async handle(input) {
				const { password, databasePassword } = await instances.find(input.id);
				return {
					password: assertReadable(password),
					databasePassword: assertReadable(databasePassword),
				};
			},
		}),
		defineOperation({
			name: "instanceStart",
			summary: "Starts an instance now and whenever the system starts",
			permission: "administrator",
			input: z.strictObject({ id }),
			output: outcome,
			handle: async (input) =>
				outcomeOf(
					await instances.setStarted(input.id, true),
					"The instance is started",
					"The instance was already started",
				),
		}),
		defineOperation({
			name: "instanceStop",
			summary: "Stops an instance until it is started by instanceStart",
			permission: "administrator",
			input: z.strictObject({ id }),
			output: outcome,
			handle: async (input) =>
				outcomeOf(
					await instances.setStarted(input.id, false),
					"The instance is stopped",
					"The instance was already stopped",
				),
		}),
		defineOperation({
			name: "instanceLogFlags",
			summary: "Sets what an instance writes to its service's log",
			permission: "administrator",
			input: z.strictObject({ id, logFlags: z.int().min(0).max(allLogFlags) }),
			output: nothing,
			async handle(input) {
				await instances.setLogFlags(input.id, input.logFlags);
				return {};
			},
		}),
		defineOperation({
			name: "instanceDelete",
			summary:
				"Deletes an instance with its database and files; requires the instance's name as confirmation",
			permission: "administrator",
			input: z.strictObject({ id, name: z.string() }),
			output: nothing,
			async handle(input) {
				await instances.delete(input.id, input.name);
				return {};
			},
		}),
	];
}
