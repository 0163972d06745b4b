import { join } from "node:path";
import type { ToManager } from "../../../sdk/protocol.ts";
import type { Routes } from "../../web-server/routes.ts";
import type { Services } from "../services/services.ts";
import type { Instance } from "./instance-table.ts";
import { webPath } from "./names.ts";

const retryDelayMs = 10_000;
/** Services with an older protocol would connect to an external host's default port without TLS. */
const externalHostsSinceMinor = 1;

/** An instance's state as reported by its service. */
export interface RunningState {
	state: "running" | "stopped" | "failed";
	/** Why it failed. */
	text?: string | undefined;
}

/** Starts and stops instances in their services' processes, with their routes and directories. */
export class RunningInstances {
	readonly #services: Services;
	readonly #routes: Routes;
	readonly #databaseHost: string;
	readonly #onRetry: (id: number) => void;
	readonly #states = new Map<number, RunningState>();
	/** The instances that services were asked to start, by `instanceKey`. */
	readonly #started = new Map<string, Instance>();
	readonly #retries = new Map<number, NodeJS.Timeout>();

	/** @param onRetry called a while after an instance has failed. */
	constructor(
		services: Services,
		routes: Routes,
		databaseHost: string,
		onRetry: (id: number) => void,
	) {
		this.#services = services;
		this.#routes = routes;
		this.#databaseHost = databaseHost;
		this.#onRetry = onRetry;
	}

	cancelRetries(): void {
		for (const timer of this.#retries.values()) clearTimeout(timer);
	}

	state(id: number): RunningState {
		return this.#states.get(id) ?? { state: "stopped" };
	}

	/** Starts the instance in its service and adds its route; does nothing if it is not supposed to run. */
	async start(instance: Instance): Promise<void> {
		const { id, name, domain, password, logFlags } = instance;
		if (instance.state !== "ready" || !instance.started) return;
		const service = await this.#services.find(instance.serviceId);
		await this.#services.system.prepareInstance(service, id);
		if (
			instance.externalHost &&
			this.#services.isRunning(service.id) &&
			this.#services.protocolMinor(service.id) < externalHostsSinceMinor
		) {
			this.#states.set(id, {
				state: "failed",
				text: "its service is too old for a database on another host: update the service",
			});
			return;
		}
		const { databasePassword } = instance;
		if (password === undefined || databasePassword === undefined) {
			this.#states.set(id, {
				state: "failed",
				text: "its stored passwords cannot be read (see the alarm): restore the machine's key, or enter both passwords again",
			});
			return;
		}
		const path = webPath(instance);
		const { sockets } = this.#services.environment;
		const socket = join(sockets, service.folder, `${id}.sock`);
		this.#started.set(instanceKey(service.id, instance), instance);
		this.#services.send(service.id, {
			mt: "StartInstance",
			instance: {
				name,
				domain,
				password,
				webServer: { socket, path },
				database: {
					...(instance.externalHost ?? { host: this.#databaseHost }),
					name: instance.databaseName,
					user: instance.databaseUser,
					password: databasePassword,
				},
				workingPath: this.#services.system.instanceDirectory(service, id),
				logFlags,
			},
		});
		this.#routes.set({ name: routeName(id), path, socket });
	}

	stop({ id, serviceId, name, domain }: Instance): void {
		this.#routes.delete(routeName(id));
		this.#services.send(serviceId, { mt: "StopInstance", name, domain });
	}

	setLogFlags({ serviceId, name, domain }: Instance, logFlags: number): void {
		this.#services.send(serviceId, {
			mt: "SetLogFlags",
			name,
			domain,
			logFlags,
		});
	}

	/** Drops the instance's state and ignores further reports about it. */
	forget(instance: Instance): void {
		this.#started.delete(instanceKey(instance.serviceId, instance));
		this.#states.delete(instance.id);
	}

	/** Deletes the files of a stopped instance and forgets it. */
	async delete(instance: Instance): Promise<void> {
		const service = await this.#services.find(instance.serviceId);
		await this.#services.system.deleteInstance(service, instance.id);
		this.forget(instance);
	}

	/** Accepts states only of instances that this service was asked to start: false ones harm no other service. */
	onMessage(serviceId: string, message: ToManager): void {
		if (message.mt !== "InstanceState") return;
		const { state, text } = message;
		const instance = this.#started.get(instanceKey(serviceId, message));
		if (!instance) return;
		this.#states.set(instance.id, { state, text });
		if (state === "failed") this.#scheduleRetry(instance);
	}

	/** Forgets the instances of a service whose process has ended. */
	onServiceExit(serviceId: string): void {
		for (const [key, instance] of this.#started) {
			if (instance.serviceId !== serviceId) continue;
			this.#started.delete(key);
			this.#states.delete(instance.id);
		}
	}

	/** The cause of the failure, such as a missing database, may be gone by then. */
	#scheduleRetry({ id }: Instance): void {
		clearTimeout(this.#retries.get(id));
		const timer = setTimeout(() => {
			this.#retries.delete(id);
			if (this.state(id).state === "failed") this.#onRetry(id);
		}, retryDelayMs);
		this.#retries.set(id, timer);
	}
}

function instanceKey(
	serviceId: string,
	{ name, domain }: { name: string; domain: string },
): string {
	return `${serviceId} ${name}@${domain}`;
}

function routeName(id: number): string {
	return `instance-${id}`;
}
