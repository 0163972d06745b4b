import * as z from "zod";
import type { Database } from "../database/database.ts";
import { defineOperation, type Operation } from "../operations/operation.ts";
import { allLogFlags } from "../sdk/log-flags.ts";
import type { Instances } from "./instances.ts";
import {
	defaultDatabaseName,
	domainName,
	instanceDatabaseName,
	instanceDatabaseUser,
	instanceName,
	webPath,
} from "./names.ts";

const nothing = z.strictObject({});
const id = z.int().min(1);

const newInstance = z
	.strictObject({
		serviceId: z.string(),
		name: instanceName,
		domain: domainName,
		/** Without it, one is made up. */
		password: z.string().min(8).max(256).optional(),
		/** Both by default `<domain>_<name>`. */
		databaseName: instanceDatabaseName.optional(),
		databaseUser: instanceDatabaseUser.optional(),
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

const instanceStatus = z.object({
	id,
	serviceId: z.string(),
	name: z.string(),
	domain: z.string(),
	path: z.string(),
	state: z.enum(["making", "deleting", "running", "stopped", "failed"]),
	/** Why it failed. */
	text: z.string().optional(),
	started: z.boolean(),
	logFlags: z.int(),
	databaseName: z.string(),
	databaseUser: z.string(),
	databaseSizeBytes: z.number().optional(),
	connections: z.int(),
});
export type InstanceStatus = z.output<typeof instanceStatus>;

export function instanceOperations(
	instances: Instances,
	database: Database,
): Operation[] {
	return [
		defineOperation({
			name: "instances",
			summary: "All instances, how they are, and the size of their databases",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: z.object({ instances: z.array(instanceStatus) }),
			handle: async () => ({
				instances: await readStatus(instances, database),
			}),
		}),
		defineOperation({
			name: "instanceCreate",
			summary: "Makes an instance of a service with a database, and starts it",
			permission: "administrator",
			input: newInstance,
			output: z.object({ id, path: z.string() }),
			async handle(input) {
				const instance = await instances.create(input);
				return { id: instance.id, path: webPath(instance) };
			},
		}),
		defineOperation({
			name: "instanceCredentials",
			summary: "The passwords of an instance",
			permission: "administrator",
			input: z.strictObject({ id }),
			output: z.object({ password: z.string(), databasePassword: z.string() }),
			handle: (input) => instances.find(input.id),
		}),
		defineOperation({
			name: "instanceStart",
			summary: "Starts an instance, now and at each start of the system",
			permission: "administrator",
			input: z.strictObject({ id }),
			output: nothing,
			async handle(input) {
				await instances.setStarted(input.id, true);
				return {};
			},
		}),
		defineOperation({
			name: "instanceStop",
			summary: "Stops an instance until somebody starts it again",
			permission: "administrator",
			input: z.strictObject({ id }),
			output: nothing,
			async handle(input) {
				await instances.setStarted(input.id, false);
				return {};
			},
		}),
		defineOperation({
			name: "instanceLogFlags",
			summary: "What an instance writes to its service's log",
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
			summary: "Deletes an instance with its database and files",
			permission: "administrator",
			/** `name` is the instance's, typed as a confirmation. */
			input: z.strictObject({ id, name: z.string() }),
			output: nothing,
			async handle(input) {
				await instances.delete(input.id, input.name);
				return {};
			},
		}),
	];
}

async function readStatus(
	instances: Instances,
	database: Database,
): Promise<InstanceStatus[]> {
	const figures = await database.query<{
		name: string;
		sizeBytes: number;
		connections: number;
	}>(
		`SELECT datname AS name, pg_database_size(oid)::float8 AS "sizeBytes",
			(SELECT count(*)::int FROM pg_stat_activity WHERE datid = pg_database.oid) AS connections
		 FROM pg_database WHERE datallowconn`,
	);
	return (await instances.all()).map((instance) => {
		const running = instances.runningState(instance.id);
		const figure = figures.find(({ name }) => name === instance.databaseName);
		return {
			...instance,
			path: webPath(instance),
			state: instance.state === "ready" ? running.state : instance.state,
			text: running.text,
			databaseSizeBytes: figure?.sizeBytes,
			connections: figure?.connections ?? 0,
		};
	});
}
