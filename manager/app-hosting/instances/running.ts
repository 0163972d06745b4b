import { dirname, join } from "node:path";
import type { ToManager } from "../../../sdk/protocol.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import type { Routes } from "../../web-server/routes.ts";
import { give, removeGiven } from "../services/ownership.ts";
import { instancesFolder, type Service } from "../services/service.ts";
import type { Services } from "../services/services.ts";
import { webPath } from "./names.ts";
import type { Instance } from "./table.ts";

const tryAgainMs = 10_000;
/** Services that know less would connect to the usual port of such a host, without TLS. */
const minorOfExternalHosts = 1;

/** What an instance is doing, as far as its service has said. */
export interface RunningState {
	state: "running" | "stopped" | "failed";
	/** Why it failed. */
	text?: string | undefined;
}

/** The instances within the processes of their services, and their places on this machine. */
export class RunningInstances {
	readonly #services: Services;
	readonly #routes: Routes;
	readonly #databaseHost: string;
	readonly #tryAgain: (id: number) => void;
	readonly #states = new Map<number, RunningState>();
	/** Those that their services were told to start, by what services call them. */
	readonly #told = new Map<string, Instance>();
	readonly #retries = new Map<number, NodeJS.Timeout>();

	/** @param tryAgain called some time after an instance has failed. */
	constructor(
		services: Services,
		routes: Routes,
		databaseHost: string,
		tryAgain: (id: number) => void,
	) {
		this.#services = services;
		this.#routes = routes;
		this.#databaseHost = databaseHost;
		this.#tryAgain = tryAgain;
	}

	/** Nothing is tried again after that. */
	stop(): void {
		for (const timer of this.#retries.values()) clearTimeout(timer);
	}

	state(id: number): RunningState {
		return this.#states.get(id) ?? { state: "stopped" };
	}

	/** Tells its service to run it, and the web server where it is; unless it is not meant to run. */
	async begin(instance: Instance): Promise<void> {
		const { id, name, domain, password, logFlags } = instance;
		if (instance.state !== "ready" || !instance.started) return;
		const service = await this.#services.find(instance.serviceId);
		const workingPath = this.#workingPath(service, instance);
		await makeFolder(dirname(workingPath));
		await makeFolder(workingPath, 0o700);
		await give(workingPath, service.uid);
		if (
			instance.externalHost &&
			this.#services.isRunning(service.id) &&
			this.#services.protocolMinor(service.id) < minorOfExternalHosts
		) {
			this.#states.set(id, {
				state: "failed",
				text: "its service is too old for a database on another host: update it",
			});
			return;
		}
		const path = webPath(instance);
		const { sockets } = this.#services.places;
		const socket = join(sockets, service.folder, `${id}.sock`);
		this.#told.set(toldKey(service.id, instance), instance);
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
					password: instance.databasePassword,
				},
				workingPath,
				logFlags,
			},
		});
		this.#routes.set({ name: routeName(id), path, socket });
	}

	end({ id, serviceId, name, domain }: Instance): void {
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

	/** Nothing that is heard of it counts any more. */
	forget(instance: Instance): void {
		this.#told.delete(toldKey(instance.serviceId, instance));
		this.#states.delete(instance.id);
	}

	/** Forgets one that has ended for ever, with its files. */
	async remove(instance: Instance): Promise<void> {
		const service = await this.#services.find(instance.serviceId);
		await removeGiven(this.#workingPath(service, instance), service.uid);
		this.forget(instance);
	}

	/** Only of instances that this service was told to start: who lies hurts only itself. */
	heard(serviceId: string, message: ToManager): void {
		if (message.mt !== "InstanceState") return;
		const { state, text } = message;
		const instance = this.#told.get(toldKey(serviceId, message));
		if (!instance) return;
		this.#states.set(instance.id, { state, text });
		if (state === "failed") this.#tryAgainLater(instance);
	}

	/** Its process is gone. */
	gone(serviceId: string): void {
		for (const [key, { id, serviceId: its }] of this.#told) {
			if (its !== serviceId) continue;
			this.#told.delete(key);
			this.#states.delete(id);
		}
	}

	/** What it wants, such as its database, may be there then. */
	#tryAgainLater({ id }: Instance): void {
		clearTimeout(this.#retries.get(id));
		const timer = setTimeout(() => {
			this.#retries.delete(id);
			if (this.state(id).state === "failed") this.#tryAgain(id);
		}, tryAgainMs);
		this.#retries.set(id, timer);
	}

	#workingPath({ folder }: Service, { id }: Instance): string {
		return join(
			this.#services.places.apps,
			folder,
			instancesFolder,
			String(id),
		);
	}
}

/** By what a service knows its instances. */
function toldKey(
	serviceId: string,
	{ name, domain }: { name: string; domain: string },
): string {
	return `${serviceId} ${name}@${domain}`;
}

function routeName(id: number): string {
	return `instance-${id}`;
}
