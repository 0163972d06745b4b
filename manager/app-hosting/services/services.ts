import { chmod, copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Mutex } from "async-mutex";
import type { ToManager, ToService } from "../../../sdk/protocol.ts";
import { type Alarms, appCodes, ownCodes } from "../../alarms/alarms.ts";
import type { Database } from "../../database/database.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { retryUntilDone } from "../../shared/retry.ts";
import { placeFiles, removeOthers, restoreFiles } from "./files.ts";
import { readLogEnd } from "./log-file.ts";
import { give } from "./ownership.ts";
import { type ProcessState, ServiceProcess } from "./process.ts";
import type { Announcement, Service, ServicePlaces } from "./service.ts";
import { type Installation, ServiceTable } from "./table.ts";

/** A screen or two; the whole is in /var/log/apps. */
const mostLogBytes = 16 * 1024;
/** Services that know less take an announcement for rubbish. */
const minorOfAnnouncements = 2;

/** What instances want to know of their services. */
export interface ServiceListener {
	/** Its process has begun and knows no instance yet. */
	ready(serviceId: string): void;
	message(serviceId: string, message: ToManager): void;
	gone(serviceId: string): void;
}

/** A service and how it is. */
export interface ServiceStatus extends Service {
	state: ProcessState;
	crashes: number;
	isInCrashLoop: boolean;
}

/** The app services: installed in the database, running as processes. */
export class Services implements Part {
	readonly name = "services";
	readonly places: ServicePlaces;
	readonly #database: Database;
	readonly #table: ServiceTable;
	readonly #alarms: Alarms;
	readonly #log: Log;
	readonly #running = new Map<string, ServiceProcess>();
	readonly #stopping = new AbortController();
	readonly #announced = new Map<Announcement["mt"], Announcement>();
	#listener: ServiceListener | undefined;
	/** No service is started by two. */
	readonly #mutex = new Mutex();

	constructor(
		places: ServicePlaces,
		database: Database,
		alarms: Alarms,
		log: Log,
	) {
		this.places = places;
		this.#database = database;
		this.#table = new ServiceTable(database);
		this.#alarms = alarms;
		this.#log = log;
	}

	listen(listener: ServiceListener): void {
		this.#listener = listener;
	}

	/** Each service by itself: one that cannot be started keeps none from starting. */
	start(): void {
		void this.#database.whenReady(() => this.#beginLater());
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

	/** @throws OperationError where it is not installed. */
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

	/** @throws OperationError where it is not installed. */
	async logEnd(id: string): Promise<string> {
		const { folder } = await this.find(id);
		return readLogEnd(join(this.places.logs, folder), mostLogBytes);
	}

	/**
	 * Installs a service, or puts another build in its place, and starts it.
	 * @throws OperationError; what ran before runs on then.
	 */
	install(installation: Installation): Promise<void> {
		return this.#mutex.runExclusive(() => this.#install(installation));
	}

	async #install(installation: Installation): Promise<void> {
		const { service } = installation;
		const before = (await this.installed()).find(({ id }) => id === service.id);
		if (before) await this.#update(before, installation);
		else await this.#begin(await this.#table.store(installation));
		this.#log.info(
			{ service: service.id, build: service.build },
			"a service was installed",
		);
	}

	/** The new build is stored once it has run: whatever ends this before, the old one is back. */
	async #update(before: Service, installation: Installation): Promise<void> {
		const { service, folder, files } = installation;
		if (service.folder !== before.folder)
			throw new OperationError(
				"conflict",
				"folderChanged",
				`${service.id} is in the folder ${before.folder}, with the files of its instances: it cannot move to ${service.folder}`,
			);
		const next = { ...service, uid: before.uid };
		// The old one runs on while they are copied, and when the disk is full.
		await placeFiles(files, this.#folderOf(before), ({ name }, to) =>
			copyFile(join(folder, name), to),
		);
		await this.#end(before.id);
		try {
			// A compressed variant that only the old build had would be sent for a new file.
			await removeOthers(files, this.#folderOf(before));
			if (!(await (await this.#run(next)).staysUp()))
				throw new OperationError(
					"conflict",
					"doesNotRun",
					`Build ${next.build} of ${next.title} does not run (see the service's log): build ${before.build} is back`,
				);
			await this.#table.store(installation);
		} catch (error) {
			await this.#end(before.id);
			// PostgreSQL, which has its files, may be what failed.
			await this.#begin(before).catch(() => void this.#beginLater());
			throw error;
		}
	}

	/** @throws OperationError where it is not installed. Its instances must be gone. */
	remove(id: string): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			const service = await this.find(id);
			// First, since PostgreSQL knows whether there are instances.
			await this.#table.remove(id);
			await this.#end(id);
			for (const folder of [this.places.apps, this.places.sockets])
				await rm(join(folder, service.folder), {
					recursive: true,
					force: true,
				});
			this.#log.info({ service: id }, "a service was removed");
		});
	}

	/** To its process, if there is one. */
	send(id: string, message: ToService): void {
		this.#running.get(id)?.send(message);
	}

	/** To all services, also those that begin later; what they know already is not said again. */
	announce(message: Announcement): void {
		if (isDeepStrictEqual(this.#announced.get(message.mt), message)) return;
		this.#announced.set(message.mt, message);
		for (const id of this.#running.keys()) this.#tell(id, message);
	}

	#tell(id: string, announcement: Announcement): void {
		if (this.isRunning(id) && this.protocolMinor(id) >= minorOfAnnouncements)
			this.send(id, announcement);
	}

	isRunning(id: string): boolean {
		return this.#running.get(id)?.state === "running";
	}

	#heard(id: string, message: ToManager): void {
		if (message.mt === "RaiseAlarm") {
			const { severity, text, details } = message;
			const key = alarmKey(id, message);
			this.#alarms.raise({ ...key, severity, text, details });
		} else if (message.mt === "ClearAlarm") {
			const key = alarmKey(id, message);
			this.#alarms.clear(key, key.code);
		} else this.#listener?.message(id, message);
	}

	#crashLoop({ id, title }: Service, isLoop: boolean): void {
		const alarm = { service: id, code: ownCodes.crashLoop };
		const text = `${title} crashes again and again: see its log`;
		if (isLoop) this.#alarms.raise({ ...alarm, severity: "critical", text });
		// Else it comes again with the next manager.
		else if (!this.#stopping.signal.aborted) {
			this.#alarms.clear(alarm, alarm.code);
			this.#alarms.clearLeftOf(id);
		}
	}

	/** What its process understands of the protocol beyond its version. */
	protocolMinor(id: string): number {
		return this.#running.get(id)?.minor ?? 0;
	}

	/** Those that do not run, until all do. */
	async #beginLater(): Promise<void> {
		await retryUntilDone(
			() => this.#mutex.runExclusive(() => this.#beginAll()),
			(error) => this.#log.error({ err: error }, "services cannot be started"),
			this.#stopping.signal,
		).catch(() => {}); // Stopped while it waited.
	}

	async #beginAll(): Promise<void> {
		let failure: unknown;
		const installed = await this.installed();
		void this.#alarms.clearLeftOfOthers(installed.map(({ id }) => id));
		for (const service of installed)
			await this.#begin(service).catch((error) => {
				failure = error;
			});
		if (failure) throw failure;
	}

	#folderOf({ folder }: Service): string {
		return join(this.places.apps, folder);
	}

	/** With the files that are in the database; those that are there already stay. */
	async #begin(service: Service): Promise<void> {
		if (this.#running.has(service.id) || this.#stopping.signal.aborted) return;
		await restoreFiles(this.#database, service, this.#folderOf(service));
		await this.#run(service);
	}

	async #end(id: string): Promise<void> {
		await this.#running.get(id)?.stop();
		this.#running.delete(id);
	}

	async #run(service: Service): Promise<ServiceProcess> {
		const sockets = join(this.places.sockets, service.folder);
		await makeFolder(sockets);
		await give(sockets, service.uid, this.places.webServerGroup);
		// New sockets get the folder's group, and so the web server may use them.
		await chmod(sockets, 0o2750);
		const { id } = service;
		const process = new ServiceProcess(
			service,
			this.places,
			{
				ready: () => {
					for (const one of this.#announced.values()) this.#tell(id, one);
					this.#listener?.ready(id);
				},
				message: (message) => this.#heard(id, message),
				gone: () => {
					if (!this.#stopping.signal.aborted) this.#alarms.clearRaisedBy(id);
					this.#listener?.gone(id);
				},
				crashLoop: (isLoop) => this.#crashLoop(service, isLoop),
			},
			this.#log,
		);
		await process.start();
		this.#running.set(id, process);
		return process;
	}
}

/** What a service calls an alarm, as everybody calls it. */
function alarmKey(
	service: string,
	{ instance, code }: Extract<ToManager, { code: number }>,
) {
	return {
		service,
		instance: instance && `${instance.name}@${instance.domain}`,
		code: appCodes + code,
	};
}
