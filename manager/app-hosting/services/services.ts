import { EventEmitter } from "node:events";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Mutex } from "async-mutex";
import type { ToManager, ToService } from "../../../sdk/protocol.ts";
import { type Alarms, appCodeBase, managerCodes } from "../../alarms/alarms.ts";
import type { Database } from "../../database/database.ts";
import type { Changes } from "../../operations/operation.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { retryUntilDone } from "../../shared/retry.ts";
import type { Scheduler } from "../../shared/scheduler.ts";
import { readFileIfExists } from "../../shared/secret-file.ts";
import { AppSystem } from "./app-system.ts";
import type { FileLimits } from "./file-limits.ts";
import { readLogTail } from "./log-tail.ts";
import type { Announcement, Service, ServiceEnvironment } from "./service.ts";
import {
	copyMissingFiles,
	deleteOtherFiles,
	restoreFiles,
} from "./service-files.ts";
import { type ProcessState, ServiceProcess } from "./service-process.ts";
import { type Installation, ServiceTable } from "./service-table.ts";

/** A screen or two; the whole log is in /var/log/apps. */
const maxLogBytes = 16 * 1024;
/** To services with an older protocol, an announcement is an invalid message. */
const announcementsSinceMinor = 2;
/** Of messages about wrong rules. */
const maxRulesText = 500;

/** The events of services' processes that concern their instances. */
export interface ServiceListener {
	/** The process has started and knows no instance yet. */
	onReady(serviceId: string): void;
	onMessage(serviceId: string, message: ToManager): void;
	onExit(serviceId: string): void;
}

/** A service and the state of its process. */
export interface ServiceStatus extends Service {
	state: ProcessState;
	crashes: number;
	isInCrashLoop: boolean;
}

/** The app services: installed in the database, running as processes. */
export class Services implements Part {
	readonly name = "services";
	readonly environment: ServiceEnvironment;
	readonly system: AppSystem;
	/** Of the installed services and the states of their processes. */
	readonly changes: Changes = new EventEmitter();
	readonly #database: Database;
	readonly #table: ServiceTable;
	readonly #fileLimits: FileLimits;
	readonly #alarms: Alarms;
	readonly #log: Log;
	readonly #running = new Map<string, ServiceProcess>();
	readonly #stopping = new AbortController();
	readonly #announced = new Map<Announcement["mt"], Announcement>();
	#listener: ServiceListener | undefined;
	/** Prevents a service from being started twice. */
	readonly #mutex = new Mutex();

	constructor(
		environment: ServiceEnvironment,
		database: Database,
		fileLimits: FileLimits,
		alarms: Alarms,
		scheduler: Scheduler,
		log: Log,
	) {
		this.environment = environment;
		this.system = new AppSystem(environment);
		this.#database = database;
		this.#table = new ServiceTable(database);
		this.#fileLimits = fileLimits;
		this.#alarms = alarms;
		this.#log = log;
		scheduler.everyMinute("check of the rules for apps", () =>
			this.#checkRules(),
		);
	}

	setListener(listener: ServiceListener): void {
		this.#listener = listener;
	}

	/** Starts all services; one that cannot be started does not affect the others. */
	start(): void {
		void this.#database.whenReady(() => this.#startMissing());
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await Promise.all(
			[...this.#running.values()].map((process) => process.stop()),
		);
	}

	installed(): Promise<Service[]> {
		return this.#table.all();
	}

	async status(): Promise<ServiceStatus[]> {
		return (await this.installed()).map((service) => {
			const process = this.#running.get(service.id);
			return {
				...service,
				state: process?.state ?? "stopped",
				crashes: process?.crashes ?? 0,
				isInCrashLoop: process?.isInCrashLoop ?? false,
			};
		});
	}

	/** @throws OperationError if the service is not installed. */
	async find(id: string): Promise<Service> {
		const found = (await this.installed()).find((service) => service.id === id);
		if (!found)
			throw new OperationError(
				"notFound",
				"noSuchService",
				`${id} is not installed`,
			);
		return found;
	}

	/** @throws OperationError if the service is not installed. */
	async logTail(id: string): Promise<string> {
		const { folder } = await this.find(id);
		return readLogTail(join(this.environment.logs, folder), maxLogBytes);
	}

	/**
	 * Installs a service or another build of it, and starts it.
	 * @throws OperationError; the previous build keeps running.
	 */
	install(installation: Installation): Promise<void> {
		return this.#mutex.runExclusive(() => this.#install(installation));
	}

	async #install(installation: Installation): Promise<void> {
		const { service } = installation;
		const before = (await this.installed()).find(({ id }) => id === service.id);
		if (before) await this.#update(before, installation);
		else {
			const stored = await this.#table.store(installation);
			await this.#fileLimits.apply();
			await this.#start(stored);
		}
		this.changes.emit("change");
		this.#log.info(
			{ service: service.id, build: service.build },
			"service installed",
		);
	}

	/** Stores the new build after a trial run, so that any failure before restores the previous one. */
	async #update(before: Service, installation: Installation): Promise<void> {
		const { service, directory, files } = installation;
		if (service.folder !== before.folder)
			throw new OperationError(
				"conflict",
				"folderChanged",
				`${service.id} and its instances' files are in the directory ${before.folder}: it cannot move to ${service.folder}`,
			);
		const next = { ...service, uid: before.uid };
		// The previous build keeps running during the copy, and if the disk is full.
		await copyMissingFiles(files, this.#directoryOf(before), ({ name }, to) =>
			copyFile(join(directory, name), to),
		);
		await this.#stop(before.id);
		try {
			// The previous build's compressed variant of a file would be sent instead of the new file.
			await deleteOtherFiles(files, this.#directoryOf(before));
			if (!(await (await this.#startProcess(next)).staysUp()))
				throw new OperationError(
					"conflict",
					"doesNotRun",
					`Build ${next.build} of ${next.title} does not run (see the service's log): build ${before.build} is restored`,
				);
			await this.#table.store(installation);
		} catch (error) {
			await this.#stop(before.id);
			// PostgreSQL, which has the previous files, may be the cause of the failure.
			await this.#start(before).catch(() => void this.#startMissing());
			throw error;
		}
	}

	/** @throws OperationError if the service is not installed; Error if it has instances. */
	uninstall(id: string): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			const service = await this.find(id);
			// First, because PostgreSQL refuses it while there are instances.
			await this.#table.delete(id);
			await this.#stop(id);
			await this.system.delete(service);
			this.changes.emit("change");
			this.#log.info({ service: id }, "service uninstalled");
		});
	}

	/** Sends a message to the service's process, if there is one. */
	send(id: string, message: ToService): void {
		this.#running.get(id)?.send(message);
	}

	/** Sends a message to all services, also to those that start later; an unchanged one is not repeated. */
	announce(message: Announcement): void {
		if (isDeepStrictEqual(this.#announced.get(message.mt), message)) return;
		this.#announced.set(message.mt, message);
		for (const id of this.#running.keys()) this.#sendAnnouncement(id, message);
	}

	#sendAnnouncement(id: string, announcement: Announcement): void {
		if (this.isRunning(id) && this.protocolMinor(id) >= announcementsSinceMinor)
			this.send(id, announcement);
	}

	isRunning(id: string): boolean {
		return this.#running.get(id)?.state === "running";
	}

	#onMessage(id: string, message: ToManager): void {
		if (message.mt === "RaiseAlarm") {
			const { severity, text, details } = message;
			const key = alarmKey(id, message);
			this.#alarms.raise({ ...key, severity, text, details });
		} else if (message.mt === "ClearAlarm") {
			const key = alarmKey(id, message);
			this.#alarms.clear(key, key.code);
		} else this.#listener?.onMessage(id, message);
	}

	#onCrashLoop({ id, title }: Service, isLoop: boolean): void {
		const alarm = { service: id, code: managerCodes.crashLoop };
		const text = `${title} crashes again and again: see its log`;
		if (isLoop) this.#alarms.raise({ ...alarm, severity: "critical", text });
		// A stopping manager keeps the alarm, because the next start would raise it again.
		else if (!this.#stopping.signal.aborted) {
			this.#alarms.clear(alarm, alarm.code);
			this.#alarms.clearLeftovers(id);
		}
	}

	/** The minor protocol version that the service's process understands. */
	protocolMinor(id: string): number {
		return this.#running.get(id)?.minor ?? 0;
	}

	/** Starts all services that are not running, and retries until all are. */
	async #startMissing(): Promise<void> {
		await retryUntilDone(
			() => this.#mutex.runExclusive(() => this.#startAll()),
			(error) =>
				this.#log.error({ err: error }, "cannot start all services; retrying"),
			this.#stopping.signal,
		).catch(() => {}); // The manager stops.
	}

	async #startAll(): Promise<void> {
		let failure: unknown;
		const installed = await this.installed();
		void this.#alarms.clearLeftoversOfUninstalled(
			installed.map(({ id }) => id),
		);
		for (const service of installed)
			await this.#start(service).catch((error) => {
				failure = error;
			});
		if (failure) throw failure;
	}

	#directoryOf({ folder }: Service): string {
		return join(this.environment.apps, folder);
	}

	/** Restores the service's files from the database and starts its process. */
	async #start(service: Service): Promise<void> {
		if (this.#running.has(service.id) || this.#stopping.signal.aborted) return;
		await this.system.prepare(service);
		await restoreFiles(this.#database, service, this.#directoryOf(service));
		await this.#startProcess(service);
	}

	async #stop(id: string): Promise<void> {
		await this.#running.get(id)?.stop();
		this.#running.delete(id);
	}

	/** Rules are loaded whenever a service starts. */
	async #checkRules(): Promise<void> {
		const text = await readFileIfExists(this.environment.rulesLeftOut);
		const code = managerCodes.appRulesLeftOut;
		if (!text) return this.#alarms.clear({}, code);
		this.#alarms.raise({
			code,
			severity: "major",
			text: `Rules for connections of apps are wrong. Correct the file, then run /usr/lib/app-platform/load-app-rules. ${text.slice(0, maxRulesText)}`,
		});
	}

	async #startProcess(service: Service): Promise<ServiceProcess> {
		const { id } = service;
		const process = new ServiceProcess(
			service,
			this.system,
			{
				onReady: () => {
					for (const announcement of this.#announced.values())
						this.#sendAnnouncement(id, announcement);
					this.#listener?.onReady(id);
					this.#checkRules().catch((error) =>
						this.#log.warn({ err: error }, "cannot check the rules for apps"),
					);
				},
				onMessage: (message) => this.#onMessage(id, message),
				onExit: () => {
					if (!this.#stopping.signal.aborted) this.#alarms.clearRaisedBy(id);
					this.#listener?.onExit(id);
				},
				onCrashLoop: (isLoop) => this.#onCrashLoop(service, isLoop),
				onStateChange: () => this.changes.emit("change"),
			},
			this.#log,
		);
		await process.start();
		this.#running.set(id, process);
		return process;
	}
}

/** Converts a service's own name of an alarm to the system-wide one. */
function alarmKey(
	service: string,
	{ instance, code }: Extract<ToManager, { code: number }>,
) {
	return {
		service,
		instance: instance && `${instance.name}@${instance.domain}`,
		code: appCodeBase + code,
	};
}
