import * as z from "zod";
import type { Jobs } from "../jobs/jobs.ts";
import { defineOperation } from "../operations/operation.ts";
import { OperationError } from "../shared/operation-error.ts";
import type { Instances } from "./instances/instances.ts";
import type { Services } from "./services/services.ts";
import type { Store } from "./store/store.ts";

const nothing = z.strictObject({});

const serviceStatus = z.object({
	id: z.string(),
	title: z.string(),
	build: z.string(),
	label: z.string(),
	state: z.enum(["stopped", "starting", "running", "waiting"]),
	/** Since the manager started. */
	crashes: z.int(),
	isInCrashLoop: z.boolean(),
});
export type ServiceStatus = z.output<typeof serviceStatus>;

const servicesAnswer = z.object({
	services: z.array(serviceStatus),
	/** An interrupted installation; installing the app again resumes it. */
	interrupted: z
		.object({ id: z.string(), build: z.string(), receivedBytes: z.int() })
		.optional(),
	/** The running installation. */
	fetching: z
		.object({ id: z.string(), file: z.string(), receivedBytes: z.int() })
		.optional(),
});
export type ServicesAnswer = z.output<typeof servicesAnswer>;

export function serviceOperations(
	services: Services,
	instances: Instances,
	store: Store,
	jobs: Jobs,
) {
	return [
		defineOperation({
			name: "services",
			summary:
				"Returns the installed services, their states, and the running or interrupted installation",
			permission: "administrator",
			tokens: "read",
			live: { changes: [services.changes, jobs.changes] },
			input: nothing,
			output: servicesAnswer,
			handle: async () => ({
				services: await services.status(),
				interrupted: await store.interrupted(),
				fetching: store.progress,
			}),
		}),
		defineOperation({
			name: "serviceLog",
			summary: "Returns the last lines of a service's log",
			permission: "administrator",
			tokens: "read",
			input: z.strictObject({ id: z.string() }),
			output: z.object({ text: z.string() }),
			handle: async ({ id }) => ({ text: await services.logTail(id) }),
		}),
		defineOperation({
			name: "serviceRemove",
			summary: "Uninstalls a service that has no instances",
			permission: "administrator",
			input: z.strictObject({ id: z.string() }),
			output: nothing,
			async handle({ id }) {
				const { length } = (await instances.all()).filter(
					({ serviceId }) => serviceId === id,
				);
				const count = length === 1 ? "1 instance" : `${length} instances`;
				if (length > 0)
					throw new OperationError(
						"conflict",
						"hasInstances",
						`${id} still has ${count}: delete every instance with its data first`,
					);
				await services.uninstall(id);
				return {};
			},
		}),
	];
}
