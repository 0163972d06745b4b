import { Mutex } from "async-mutex";
import { DatabaseError } from "pg";
import type { Database } from "../../database/database.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { retryUntilDone } from "../../shared/retry.ts";
import type { Routes } from "../../web-server/routes.ts";
import type { Services } from "../services/services.ts";
import {
	changeDatabase,
	dropDatabase,
	hasDatabase,
	hasUser,
	makeDatabase,
} from "./database.ts";
import { webPath } from "./names.ts";
import { RunningInstances, type RunningState } from "./running.ts";
import {
	type Instance,
	type InstanceEdit,
	InstanceTable,
	type NewInstance,
} from "./table.ts";

/** The instances of all services: their databases, their paths, and that they run. */
export class Instances implements Part {
	readonly name = "instances";
	readonly #database: Database;
	readonly #table: InstanceTable;
	readonly #services: Services;
	readonly #running: RunningInstances;
	readonly #log: Log;
	readonly #stopping = new AbortController();
	readonly #mutex = new Mutex();

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
				() => this.#exclusively(() => this.#finishAll()),
				(error) =>
					this.#log.warn({ err: error }, "an instance is still half-made"),
				this.#stopping.signal,
			).catch(() => {}); // Stopped while it waited.
		});
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		this.#running.stop();
		await this.#mutex.waitForUnlock();
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
		return this.#exclusively(async () => {
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

	/**
	 * Stops an instance, changes what is given of it, and starts it again. Its row and its
	 * database change in one transaction, so that a crash leaves all old or all new.
	 * @throws OperationError where a name is in use; nothing has changed then.
	 */
	edit(id: number, changes: Partial<InstanceEdit>): Promise<Instance> {
		return this.#exclusively(async () => {
			const before = await this.find(id);
			if (before.state !== "ready")
				throw new OperationError(
					"conflict",
					"notReady",
					`The instance is ${before.state === "making" ? "still being made" : "being deleted"}`,
				);
			const after = { ...before, ...changes };
			await this.#refuseNamesInUse(after, before);
			this.#running.end(before);
			try {
				await this.#database.transaction(async (query) => {
					await changeDatabase(query, before, after);
					await this.#table.edit(query, id, after);
				});
			} catch (error) {
				void this.#beginLater(id);
				throw error;
			}
			this.#running.forget(before);
			this.#log.info(
				{ instance: keyOf(after), before: keyOf(before) },
				"an instance was changed",
			);
			await this.#running.begin(after).catch(() => this.#beginLater(id));
			return after;
		});
	}

	/** With its database. @param name has to be the instance's: deleting needs the word typed. */
	delete(id: number, name: string): Promise<void> {
		return this.#exclusively(async () => {
			const instance = await this.find(id);
			if (name !== instance.name)
				throw new OperationError(
					"invalid",
					"notConfirmed",
					`Type the instance's name, ${instance.name}, to delete it with its data`,
				);
			await this.#delete(instance);
			this.#log.info({ instance: keyOf(instance) }, "an instance was deleted");
		});
	}

	/** Starts or stops it, and remembers that. @returns whether it was otherwise before. */
	setStarted(id: number, started: boolean): Promise<boolean> {
		return this.#exclusively(async () => {
			const instance = await this.find(id);
			await this.#table.setStarted(id, started);
			if (started) await this.#running.begin({ ...instance, started });
			else this.#running.end(instance);
			return instance.started !== started;
		});
	}

	/** Of what it writes to its service's log, from now on. */
	setLogFlags(id: number, logFlags: number): Promise<void> {
		return this.#exclusively(async () => {
			const instance = await this.find(id);
			await this.#table.setLogFlags(id, logFlags);
			this.#running.setLogFlags(instance, logFlags);
		});
	}

	/** @param before what the instance is called now, if there is one. */
	async #refuseNamesInUse(
		wanted: Omit<NewInstance, "serviceId">,
		before?: Instance,
	): Promise<void> {
		const { domain, name, databaseName, databaseUser } = wanted;
		const others = (await this.all()).filter(({ id }) => id !== before?.id);
		if (others.some((one) => one.domain === domain && one.name === name))
			throw inUse(`The path ${webPath(wanted)}`);
		if (
			databaseName !== before?.databaseName &&
			(await hasDatabase(this.#database, databaseName))
		)
			throw inUse(`The database ${databaseName}`);
		if (
			databaseUser !== before?.databaseUser &&
			(await hasUser(this.#database, databaseUser))
		)
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
			() => this.#exclusively(attempt),
			(error) =>
				this.#log.warn(
					{ err: error, serviceId },
					"instances wait for their start",
				),
			this.#stopping.signal,
		).catch(() => {}); // Stopped while it waited.
	}

	/** As its row says by then: a transaction may have counted although its answer was lost. */
	async #beginLater(id: number): Promise<void> {
		const attempt = async () => {
			const instance = (await this.all()).find((one) => one.id === id);
			if (instance) await this.#running.begin(instance);
		};
		await retryUntilDone(
			() => this.#exclusively(attempt),
			(error) => this.#log.warn({ err: error, id }, "still no start"),
			this.#stopping.signal,
		).catch(() => {}); // Stopped while it waited.
	}

	async #startAgain(id: number): Promise<void> {
		await this.#exclusively(async () =>
			this.#running.begin(await this.find(id)),
		).catch((error) => this.#log.warn({ err: error, id }, "still no start"));
	}

	/** One after the other: two must not take the same name. */
	#exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
		return this.#mutex.runExclusive(work).catch((error) => {
			throw asRefusal(error);
		});
	}
}

function keyOf({ name, domain }: { name: string; domain: string }): string {
	return `${name}@${domain}`;
}

function inUse(what: string): OperationError {
	return new OperationError(
		"conflict",
		"nameInUse",
		`${what} is in use already`,
	);
}

/** Somebody with `psql` may have been faster than our own look, or not leave. */
function asRefusal(error: unknown): unknown {
	const code = error instanceof DatabaseError ? (error.code ?? "") : "";
	if (["23505", "42P04", "42710"].includes(code))
		return inUse("One of the names");
	if (code === "55006")
		return new OperationError(
			"conflict",
			"databaseInUse",
			"Somebody keeps connecting to the database: it cannot be renamed, and nothing has changed",
		);
	return error;
}
