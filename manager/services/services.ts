import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "../database/database.ts";
import { retryUntilDone } from "../database/retry.ts";
import type { Part } from "../lifecycle/lifecycle.ts";
import { Turn } from "../lifecycle/turn.ts";
import type { Log } from "../log/log.ts";
import { OperationError } from "../operations/operation.ts";
import type { ToManager, ToService } from "../sdk/protocol.ts";
import { restoreFiles, storeFiles } from "./files.ts";
import { readLogEnd } from "./log-file.ts";
import { give } from "./ownership.ts";
import { type ProcessState, ServiceProcess } from "./process.ts";
import type { Service, ServiceFile, ServicePlaces } from "./service.ts";

/** A screen or two; the whole is in /var/log/apps. */
const mostLogBytes = 16 * 1024;

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

/** What is to be installed: files in a folder that nobody else changes. */
export interface Installation {
	service: Omit<Service, "uid">;
	folder: string;
	files: readonly ServiceFile[];
}

/** The app services: installed in the database, running as processes. */
export class Services implements Part {
	readonly name = "services";
	readonly places: ServicePlaces;
	readonly #database: Database;
	readonly #log: Log;
	readonly #running = new Map<string, ServiceProcess>();
	readonly #stopping = new AbortController();
	#listener: ServiceListener | undefined;
	/** No service is started by two. */
	readonly #turn = new Turn();

	constructor(places: ServicePlaces, database: Database, log: Log) {
		this.places = places;
		this.#database = database;
		this.#log = log;
	}

	listen(listener: ServiceListener): void {
		this.#listener = listener;
	}

	/** Each service by itself: one that cannot be started keeps none from starting. */
	start(): void {
		void this.#database.whenReady(
			() =>
				retryUntilDone(
					() => this.#turn.take(() => this.#beginAll()),
					(error) =>
						this.#log.error({ err: error }, "services cannot be started"),
					this.#stopping.signal,
				).catch(() => {}), // Stopped while it waited.
		);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await Promise.all(
			[...this.#running.values()].map((process) => process.stop()),
		);
	}

	installed(): Promise<Service[]> {
		return this.#database.query<Service>(
			`SELECT id, uid, folder, binary_name AS binary, title, build, label
			 FROM service ORDER BY id`,
		);
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
			throw new OperationError(404, "noSuchService", `${id} is not installed`);
		return found;
	}

	/** @throws OperationError where it is not installed. */
	async logEnd(id: string): Promise<string> {
		const { folder } = await this.find(id);
		return readLogEnd(join(this.places.logs, folder), mostLogBytes);
	}

	/** Installs a service, or puts another build in its place, and starts it. */
	install(installation: Installation): Promise<void> {
		return this.#turn.take(() => this.#install(installation));
	}

	async #install({ service, folder, files }: Installation): Promise<void> {
		const uid = await this.#database.transaction(async (query) => {
			await query("LOCK TABLE service IN SHARE ROW EXCLUSIVE MODE");
			const [taken] = await query<{ id: string }>(
				"SELECT id FROM service WHERE folder = $1 AND id <> $2",
				[service.folder, service.id],
			);
			if (taken)
				throw new OperationError(
					409,
					"folderInUse",
					`${taken.id} uses the folder ${service.folder} already`,
				);
			const [row] = await query<{ uid: number; folder: string }>(
				`INSERT INTO service (id, uid, folder, binary_name, title, build, label)
				 VALUES ($1, nextval('service_uid'), $2, $3, $4, $5, $6)
				 ON CONFLICT (id) DO UPDATE SET binary_name = $3, title = $4,
					build = $5, label = $6
				 RETURNING uid, folder`,
				[
					service.id,
					service.folder,
					service.binary,
					service.title,
					service.build,
					service.label,
				],
			);
			if (row && row.folder !== service.folder)
				throw new OperationError(
					409,
					"folderChanged",
					`${service.id} is in the folder ${row.folder}, with the files of its instances: it cannot move to ${service.folder}`,
				);
			await query("DELETE FROM service_file WHERE service_id = $1", [
				service.id,
			]);
			await storeFiles(query, service.id, folder, files);
			if (!row) throw new Error("PostgreSQL gave no row");
			return row.uid;
		});
		const installed = { ...service, uid };
		// Before the one that runs is stopped: on a full disk it runs on.
		await this.#putFiles(installed);
		await this.#running.get(service.id)?.stop();
		this.#running.delete(service.id);
		await this.#begin(installed);
		this.#log.info(
			{ service: service.id, build: service.build },
			"a service was installed",
		);
	}

	/** @throws OperationError where it is not installed. Its instances must be gone. */
	remove(id: string): Promise<void> {
		return this.#turn.take(async () => {
			const service = await this.find(id);
			// First, since PostgreSQL knows whether there are instances.
			await this.#database.query("DELETE FROM service WHERE id = $1", [id]);
			await this.#running.get(id)?.stop();
			this.#running.delete(id);
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

	isRunning(id: string): boolean {
		return this.#running.get(id)?.state === "running";
	}

	/** What its process understands of the protocol beyond its version. */
	protocolMinor(id: string): number {
		return this.#running.get(id)?.minor ?? 0;
	}

	async #beginAll(): Promise<void> {
		let failure: unknown;
		for (const service of await this.installed())
			await this.#begin(service).catch((error) => {
				failure = error;
			});
		if (failure) throw failure;
	}

	/** Those that are there already stay. */
	#putFiles(service: Service): Promise<void> {
		const folder = join(this.places.apps, service.folder);
		return restoreFiles(this.#database, service, folder);
	}

	async #begin(service: Service): Promise<void> {
		if (this.#running.has(service.id) || this.#stopping.signal.aborted) return;
		await this.#putFiles(service);
		const sockets = join(this.places.sockets, service.folder);
		await mkdir(sockets, { recursive: true });
		await give(sockets, service.uid, this.places.webServerGroup);
		// New sockets get the folder's group, and so the web server may use them.
		await chmod(sockets, 0o2750);
		const { id } = service;
		const process = new ServiceProcess(
			service,
			this.places,
			{
				ready: () => this.#listener?.ready(id),
				message: (message) => this.#listener?.message(id, message),
				gone: () => this.#listener?.gone(id),
			},
			this.#log,
		);
		await process.start();
		this.#running.set(id, process);
	}
}
