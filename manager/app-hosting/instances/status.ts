import * as z from "zod";
import { databaseKind, defaultPorts, tlsMode } from "../../../sdk/protocol.ts";
import type { Database } from "../../database/database.ts";
import { type CleanUps, cleanUpStatus } from "./clean-up.ts";
import { type ExternalHost, formatAddress } from "./external-host.ts";
import { instanceId } from "./input.ts";
import type { Instances } from "./instances.ts";
import { webPath } from "./names.ts";

export const instanceStatus = z.object({
	id: instanceId,
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
	/** Of the database on this machine, also if an external one is used. */
	databaseSizeBytes: z.number().optional(),
	connections: z.int(),
	externalHost: z
		.object({
			address: z.string(),
			kind: databaseKind,
			tlsMode,
			ca: z.string().optional(),
		})
		.optional(),
	/** The running or last clean-up of its database. */
	cleanUp: cleanUpStatus.optional(),
});
export type InstanceStatus = z.output<typeof instanceStatus>;

export async function readStatus(
	instances: Instances,
	cleanUps: CleanUps,
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
			externalHost: toInputFormat(instance.externalHost),
			cleanUp: cleanUps.status(instance.id),
		};
	});
}

/** Converts an external host to the fields that an administrator enters. */
function toInputFormat(
	external: ExternalHost | null,
): InstanceStatus["externalHost"] {
	if (!external) return undefined;
	const { host, port, kind, tls } = external;
	return {
		address: formatAddress(
			port === defaultPorts[kind] ? { host } : { host, port },
		),
		kind,
		tlsMode: tls.mode,
		ca: tls.ca,
	};
}
