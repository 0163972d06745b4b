import { DatabaseError } from "pg";
import type { Database } from "../database/database.ts";
import { retryUntilDone } from "../database/retry.ts";
import type { Part } from "../lifecycle/lifecycle.ts";
import type { Log } from "../log/log.ts";
import { OperationError } from "../operations/operation.ts";
import { Turn } from "../sdk/turn.ts";
import type { Services } from "../services/services.ts";
import type { Routes } from "../web-routes/routes.ts";
import {
	dropDatabase,
	hasDatabase,
	hasUser,
	makeDatabase,
} from "./database.ts";
import { webPath } from "./names.ts";
import { RunningInstances, type RunningState } from "./running.ts";
import { type Instance, InstanceTable, type NewInstance } from "./table.ts";

/** The instances of all services: their databases, their paths, and that they run. */
export class Instances implements Part {
	readonly name = "instances";
	readonly #database: Database;
	readonly #table: InstanceTable;
	readonly #services: Services;
	readonly #running: RunningInstances;
	readonly #log: Log;
	readonly #stopping = new AbortController();
	readonly #turn = new Turn();

	constructor(
		database: Database,
		databaseHost: string,
		services: Services,
		routes: Routes,
		log: Log,
	) {
		this.#database = database;
		this.#table = new InstanceTable(database);
		this.#services = services;
		this.#log = log;
		this.#running = new RunningInstances(
			services,
			routes,
			databaseHost,
			(id) => void this.#startAgain(id),
		);
		services.listen({
			ready: (serviceId) => void this.#startAllOf(serviceId),
			message: (serviceId, message) => this.#running.heard(serviceId, message),
			gone: (serviceId) => this.#running.gone(serviceId),
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
		this.#running.stop();
		await this.#turn.ended();
	}

	all(): Promise<Instance[]> {
		return this.#table.all();
	}

	/** @throws OperationError where there is none. */
	find(id: number): Promise<Instance> {
		return this.#table.find(id);
	}

	runningState(id: number): RunningState {
		return this.#running.state(id);
	}

	/**
	 * Makes an instance with its database, and starts it.
	 * @throws OperationError where a name is in use; nothing has changed then.
	 */
	create(wanted: NewInstance): Promise<Instance> {
		return this.#inTurn(async () => {
			await this.#services.find(wanted.serviceId);
			await this.#refuseNamesInUse(wanted);
			const instance = await this.#table.insert(wanted);
			try {
				await this.#make(instance);
			} catch (error) {
				await this.#delete(instance).catch(() => {}); // Else the next start does it.
				throw error;
			}
			this.#log.info({ instance: keyOf(instance) }, "an instance was made");
			await this.#running.begin({ ...instance, state: "ready" });
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
			await this.#table.setStarted(id, started);
			if (started) await this.#running.begin({ ...instance, started });
			else this.#running.end(instance);
		});
	}

	/** Of what it writes to its service's log, from now on. */
	setLogFlags(id: number, logFlags: number): Promise<void> {
		return this.#inTurn(async () => {
			const instance = await this.find(id);
			await this.#table.setLogFlags(id, logFlags);
			this.#running.setLogFlags(instance, logFlags);
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

	async #make(instance: Instance): Promise<void> {
		await makeDatabase(this.#database, instance);
		await this.#table.setState(instance.id, "ready");
	}

	async #delete(instance: Instance): Promise<void> {
		await this.#table.setState(instance.id, "deleting");
		this.#running.end(instance);
		await dropDatabase(this.#database, instance);
		await this.#running.remove(instance);
		await this.#table.delete(instance.id);
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
		await this.#running.begin({ ...instance, state: "ready" });
	}

	/** Until it is done, or the service is gone again: PostgreSQL may be away at the moment. */
	async #startAllOf(serviceId: string): Promise<void> {
		const attempt = async () => {
			if (!this.#services.isRunning(serviceId)) return;
			for (const instance of await this.all())
				if (instance.serviceId === serviceId)
					await this.#running
						.begin(instance)
						.catch((error) =>
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

	async #startAgain(id: number): Promise<void> {
		await this.#inTurn(async () =>
			this.#running.begin(await this.find(id)),
		).catch((error) => this.#log.warn({ err: error, id }, "still no start"));
	}

	/** One after the other: two must not take the same name. */
	#inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
		return this.#turn.take(work).catch((error) => {
			throw asRefusal(error);
		});
	}
}

function keyOf({ name, domain }: Instance): string {
	return `${name}@${domain}`;
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
