import * as z from "zod";
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
	/** Since the manager has started. */
	crashes: z.int(),
	isInCrashLoop: z.boolean(),
});
export type ServiceStatus = z.output<typeof serviceStatus>;

const servicesAnswer = z.object({
	services: z.array(serviceStatus),
	/** What of an installation has arrived that was interrupted: install it again, and it goes on. */
	interrupted: z
		.object({ id: z.string(), build: z.string(), receivedBytes: z.int() })
		.optional(),
	/** What is being installed. */
	fetching: z
		.object({ id: z.string(), file: z.string(), receivedBytes: z.int() })
		.optional(),
});
export type ServicesAnswer = z.output<typeof servicesAnswer>;

export function serviceOperations(
	services: Services,
	instances: Instances,
	store: Store,
) {
	return [
		defineOperation({
			name: "services",
			summary:
				"The installed services, how they are, and what is being installed",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: servicesAnswer,
			handle: async () => ({
				services: await services.status(),
				interrupted: await store.interrupted(),
				fetching: store.fetching,
			}),
		}),
		defineOperation({
			name: "serviceLog",
			summary: "The end of what a service has printed",
			permission: "administrator",
			tokens: "read",
			input: z.strictObject({ id: z.string() }),
			output: z.object({ text: z.string() }),
			handle: async ({ id }) => ({ text: await services.logEnd(id) }),
		}),
		defineOperation({
			name: "serviceRemove",
			summary: "Removes a service that has no instances",
			permission: "administrator",
			input: z.strictObject({ id: z.string() }),
			output: nothing,
			async handle({ id }) {
				const left = (await instances.all()).filter(
					({ serviceId }) => serviceId === id,
				);
				const count =
					left.length === 1 ? "1 instance" : `${left.length} instances`;
				if (left.length > 0)
					throw new OperationError(
						"conflict",
						"hasInstances",
						`${id} still has ${count}: delete first what it has, with its data`,
					);
				await services.remove(id);
				return {};
			},
		}),
	];
}
