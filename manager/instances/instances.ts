import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseError } from "pg";
import type { Database } from "../database/database.ts";
import { retryUntilDone } from "../database/retry.ts";
import type { Part } from "../lifecycle/lifecycle.ts";
import type { Log } from "../log/log.ts";
import { OperationError } from "../operations/operation.ts";
import { defaultLogFlags } from "../sdk/log-flags.ts";
import type { ToManager } from "../sdk/protocol.ts";
import { give, removeGiven } from "../services/ownership.ts";
import type { Service } from "../services/service.ts";
import type { Services } from "../services/services.ts";
import type { Routes } from "../web-routes/routes.ts";
import {
	dropDatabase,
	hasDatabase,
	hasUser,
	type InstanceDatabase,
	makeDatabase,
} from "./database.ts";
import { webPath } from "./names.ts";

const tryAgainMs = 10_000;

/** As its row in the database has it. */
export interface Instance extends InstanceDatabase {
	id: number;
	serviceId: string;
	name: string;
	domain: string;
	/** What a crash in the middle leaves to be done. */
	state: "making" | "ready" | "deleting";
	/** Whether it is meant to run. */
	started: boolean;
	password: string;
	logFlags: number;
}

/** What it is doing, as far as its service has said. */
export interface RunningState {
	state: "running" | "stopped" | "failed";
	text?: string | undefined;
}

export interface NewInstance {
	serviceId: string;
	name: string;
	domain: string;
	password?: string | undefined;
	databaseName: string;
	databaseUser: string;
}

/** The instances of all services: their databases, their paths, and that they run. */
export class Instances implements Part {
	readonly name = "instances";
	readonly #database: Database;
	readonly #databaseHost: string;
	readonly #services: Services;
	readonly #routes: Routes;
	readonly #log: Log;
	readonly #running = new Map<number, RunningState>();
	/** Those that their services were told to start, by what services call them. */
	readonly #told = new Map<string, Instance>();
	readonly #retries = new Map<number, NodeJS.Timeout>();
	readonly #stopping = new AbortController();
	#turn: Promise<unknown> = Promise.resolve();

	constructor(
		database: Database,
		databaseHost: string,
		services: Services,
		routes: Routes,
		log: Log,
	) {
		this.#database = database;
		this.#databaseHost = databaseHost;
		this.#services = services;
		this.#routes = routes;
		this.#log = log;
		services.listen({
			ready: (serviceId) => void this.#startAllOf(serviceId),
			message: (serviceId, message) => this.#heard(serviceId, message),
			gone: (serviceId) => this.#goneAllOf(serviceId),
		});
	}

	/** Ends what a crash has left half-made. */
	start(): void {
		void this.#database.whenReady(async () => {
			await retryUntilDone(
				() => this.#inTurn(() => this.#finishAll()),
				(error) =>
					this.#log.warn({ err: error }, "an instance is still half-made"),
				this.#stopping.signal,
			).catch(() => {}); // Stopped while it waited.
		});
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		for (const timer of this.#retries.values()) clearTimeout(timer);
		await this.#turn;
	}

	all(): Promise<Instance[]> {
		return this.#database.query<Instance>(
			`SELECT id, service_id AS "serviceId", name, domain, state, started, password,
				database_name AS "databaseName", database_user AS "databaseUser",
				database_password AS "databasePassword", log_flags::float8 AS "logFlags"
			 FROM instance ORDER BY domain, name`,
		);
	}

	/** @throws OperationError where there is none. */
	async find(id: number): Promise<Instance> {
		const found = (await this.all()).find((instance) => instance.id === id);
		if (!found)
			throw new OperationError(
				404,
				"noSuchInstance",
				"There is no such instance",
			);
		return found;
	}

	runningState(id: number): RunningState {
		return this.#running.get(id) ?? { state: "stopped" };
	}

	/**
	 * Makes an instance with its database, and starts it.
	 * @throws OperationError where a name is in use; nothing has changed then.
	 */
	create(wanted: NewInstance): Promise<Instance> {
		return this.#inTurn(async () => {
			await this.#services.find(wanted.serviceId);
			await this.#refuseNamesInUse(wanted);
			const id = await this.#insert(wanted);
			const instance = await this.find(id);
			try {
				await this.#make(instance);
			} catch (error) {
				await this.#delete(instance).catch(() => {}); // Else the next start does it.
				throw error;
			}
			this.#log.info({ instance: keyOf(instance) }, "an instance was made");
			await this.#begin({ ...instance, state: "ready" });
			return { ...instance, state: "ready" };
		});
	}

	/** With its database. @param name has to be the instance's: deleting needs the word typed. */
	delete(id: number, name: string): Promise<void> {
		return this.#inTurn(async () => {
			const instance = await this.find(id);
			if (name !== instance.name)
				throw new OperationError(
					400,
					"notConfirmed",
					`Type the instance's name, ${instance.name}, to delete it with its data`,
				);
			await this.#delete(instance);
			this.#log.info({ instance: keyOf(instance) }, "an instance was deleted");
		});
	}

	/** Starts or stops it, and remembers that. */
	setStarted(id: number, started: boolean): Promise<void> {
		return this.#inTurn(async () => {
			const instance = await this.find(id);
			await this.#database.query(
				"UPDATE instance SET started = $2 WHERE id = $1",
				[id, started],
			);
			if (started) await this.#begin({ ...instance, started });
			else this.#end(instance);
		});
	}

	/** Of what it writes to its service's log, from now on. */
	setLogFlags(id: number, logFlags: number): Promise<void> {
		return this.#inTurn(async () => {
			const { serviceId, name, domain } = await this.find(id);
			await this.#database.query(
				"UPDATE instance SET log_flags = $2 WHERE id = $1",
				[id, logFlags],
			);
			this.#services.send(serviceId, {
				mt: "SetLogFlags",
				name,
				domain,
				logFlags,
			});
		});
	}

	async #refuseNamesInUse(wanted: NewInstance): Promise<void> {
		const { domain, name, databaseName, databaseUser } = wanted;
		const path = webPath(wanted);
		const all = await this.all();
		if (all.some((one) => one.domain === domain && one.name === name))
			throw inUse(`The path ${path}`);
		if (await hasDatabase(this.#database, databaseName))
			throw inUse(`The database ${databaseName}`);
		if (await hasUser(this.#database, databaseUser))
			throw inUse(`The database user ${databaseUser}`);
	}

	async #insert(wanted: NewInstance): Promise<number> {
		const [row] = await this.#database.query<{ id: number }>(
			`INSERT INTO instance (service_id, name, domain, state, password,
				database_name, database_user, database_password, log_flags)
			 VALUES ($1, $2, $3, 'making', $4, $5, $6, $7, $8) RETURNING id`,
			[
				wanted.serviceId,
				wanted.name,
				wanted.domain,
				wanted.password ?? newPassword(),
				wanted.databaseName,
				wanted.databaseUser,
				newPassword(),
				defaultLogFlags,
			],
		);
		if (!row) throw new Error("PostgreSQL gave no row");
		return row.id;
	}

	async #make(instance: Instance): Promise<void> {
		await makeDatabase(this.#database, instance);
		await this.#database.query(
			"UPDATE instance SET state = 'ready' WHERE id = $1",
			[instance.id],
		);
	}

	async #delete(instance: Instance): Promise<void> {
		await this.#database.query(
			"UPDATE instance SET state = 'deleting' WHERE id = $1",
			[instance.id],
		);
		this.#end(instance);
		await dropDatabase(this.#database, instance);
		const service = await this.#services.find(instance.serviceId);
		await removeGiven(this.#workingPath(service, instance), service.uid);
		await this.#database.query("DELETE FROM instance WHERE id = $1", [
			instance.id,
		]);
		this.#running.delete(instance.id);
	}

	/** Each by itself: one that cannot be finished is in nobody's way. */
	async #finishAll(): Promise<void> {
		let failure: unknown;
		for (const instance of await this.all())
			await this.#finish(instance).catch((error) => {
				failure = error;
			});
		if (failure) throw failure;
	}

	async #finish(instance: Instance): Promise<void> {
		if (instance.state === "deleting") await this.#delete(instance);
		if (instance.state !== "making") return;
		await this.#make(instance);
		await this.#begin({ ...instance, state: "ready" });
	}

	/** Until it is done, or the service is gone again: PostgreSQL may be away at the moment. */
	async #startAllOf(serviceId: string): Promise<void> {
		const attempt = async () => {
			if (!this.#services.isRunning(serviceId)) return;
			for (const instance of await this.all())
				if (instance.serviceId === serviceId)
					await this.#begin(instance).catch((error) =>
						this.#log.error(
							{ err: error, instance: keyOf(instance) },
							"the instance cannot be started",
						),
					);
		};
		await retryUntilDone(
			() => this.#inTurn(attempt),
			(error) =>
				this.#log.warn(
					{ err: error, serviceId },
					"instances wait for their start",
				),
			this.#stopping.signal,
		).catch(() => {}); // Stopped while it waited.
	}

	/** Tells its service to run it, and the web server where it is. */
	async #begin(instance: Instance): Promise<void> {
		const { id, name, domain, password, logFlags } = instance;
		if (instance.state !== "ready" || !instance.started) return;
		const service = await this.#services.find(instance.serviceId);
		const workingPath = this.#workingPath(service, instance);
		await mkdir(dirname(workingPath), { recursive: true });
		await mkdir(workingPath, { recursive: true, mode: 0o700 });
		await give(workingPath, service.uid);
		const path = webPath(instance);
		const socket = join(
			this.#services.places.sockets,
			service.folder,
			`${id}.sock`,
		);
		this.#told.set(toldKey(service.id, instance), instance);
		this.#services.send(service.id, {
			mt: "StartInstance",
			instance: {
				name,
				domain,
				password,
				webServer: { socket, path },
				database: {
					host: this.#databaseHost,
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

	#end({ id, serviceId, name, domain }: Instance): void {
		this.#routes.delete(routeName(id));
		this.#services.send(serviceId, { mt: "StopInstance", name, domain });
	}

	/** Only of instances that this service was told to start: who lies hurts only itself. */
	#heard(serviceId: string, message: ToManager): void {
		if (message.mt !== "InstanceState") return;
		const { state, text } = message;
		const instance = this.#told.get(toldKey(serviceId, message));
		if (!instance) return;
		this.#running.set(instance.id, { state, text });
		if (state === "failed") this.#tryAgainLater(instance);
	}

	#goneAllOf(serviceId: string): void {
		for (const [key, { id, serviceId: its }] of this.#told) {
			if (its !== serviceId) continue;
			this.#told.delete(key);
			this.#running.delete(id);
		}
	}

	/** What it wants, such as its database, may be there then. */
	#tryAgainLater({ id }: Instance): void {
		clearTimeout(this.#retries.get(id));
		const timer = setTimeout(async () => {
			this.#retries.delete(id);
			if (this.#running.get(id)?.state !== "failed") return;
			await this.#inTurn(async () => this.#begin(await this.find(id))).catch(
				(error) => this.#log.warn({ err: error, id }, "still no start"),
			);
		}, tryAgainMs);
		this.#retries.set(id, timer);
	}

	#workingPath({ folder }: Service, { id }: Instance): string {
		return join(this.#services.places.apps, folder, "instances", String(id));
	}

	/** One after the other: two must not take the same name. */
	#inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
		const result = this.#turn.then(work).catch((error) => {
			throw asRefusal(error);
		});
		this.#turn = result.catch(() => {});
		return result;
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

function keyOf({ name, domain }: Instance): string {
	return `${name}@${domain}`;
}

function newPassword(): string {
	return randomBytes(18).toString("base64url");
}

function inUse(what: string): OperationError {
	return new OperationError(409, "nameInUse", `${what} is in use already`);
}

/** Somebody with `psql` may have been faster than our own look. */
function asRefusal(error: unknown): unknown {
	const isTaken =
		error instanceof DatabaseError &&
		["23505", "42P04", "42710"].includes(error.code ?? "");
	return isTaken ? inUse("One of the names") : error;
}
