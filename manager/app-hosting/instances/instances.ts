import { EventEmitter } from "node:events";
import { Mutex } from "async-mutex";
import { DatabaseError } from "pg";
import type { Database } from "../../database/database.ts";
import type { Changes } from "../../operations/operation.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { retryUntilDone } from "../../shared/retry.ts";
import type { Secrets } from "../../shared/secrets.ts";
import type { Routes } from "../../web-server/routes.ts";
import type { Services } from "../services/services.ts";
import {
	changeDatabase,
	createDatabase,
	dropDatabase,
	hasDatabase,
	hasUser,
	limitConnections,
} from "./instance-database.ts";
import {
	type Instance,
	type InstanceEdit,
	InstanceTable,
	type NewInstance,
} from "./instance-table.ts";
import { webPath } from "./names.ts";
import { assertReadable } from "./passwords.ts";
import { RunningInstances, type RunningState } from "./running-instances.ts";

/** Creates, edits, runs and deletes the instances of all services, with their databases and routes. */
export class Instances implements Part {
	readonly name = "instances";
	/** Of the instances and how they are. */
	readonly changes: Changes = new EventEmitter();
	readonly #database: Database;
	readonly #table: InstanceTable;
	readonly #services: Services;
	readonly #running: RunningInstances;
	readonly #log: Log;
	readonly #stopping = new AbortController();
	readonly #mutex = new Mutex();

	constructor(
		database: Database,
		secrets: Secrets,
		databaseHost: string,
		services: Services,
		routes: Routes,
		log: Log,
	) {
		this.#database = database;
		this.#table = new InstanceTable(database, secrets);
		this.#services = services;
		this.#log = log;
		this.#running = new RunningInstances(
			services,
			routes,
			databaseHost,
			(id) => void this.#retry(id),
		);
		services.setListener({
			onReady: (serviceId) => void this.#startAllOf(serviceId),
			onMessage: (serviceId, message) => {
				this.#running.onMessage(serviceId, message);
				this.changes.emit("change");
			},
			onExit: (serviceId) => {
				this.#running.onServiceExit(serviceId);
				this.changes.emit("change");
			},
		});
	}

	/** Completes creations and deletions that a crash has interrupted. */
	start(): void {
		void this.#database.whenReady(async () => {
			await retryUntilDone(
				() =>
					this.#exclusively(async () => {
						await limitConnections(this.#database);
						await this.#finishAll();
					}),
				(error) =>
					this.#log.warn(
						{ err: error },
						"cannot complete an interrupted creation or deletion; retrying",
					),
				this.#stopping.signal,
			).catch(() => {}); // The manager stops.
		});
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		this.#running.cancelRetries();
		await this.#mutex.waitForUnlock();
	}

	all(): Promise<Instance[]> {
		return this.#table.all();
	}

	/** @throws OperationError if there is no such instance. */
	find(id: number): Promise<Instance> {
		return this.#table.find(id);
	}

	/** Returns the instances whose database exists and whose secrets can be read. */
	async ready(): Promise<Instance[]> {
		const all = await this.all();
		return all.filter(
			({ state, databasePassword }) =>
				state === "ready" && databasePassword !== undefined,
		);
	}

	runningState(id: number): RunningState {
		return this.#running.state(id);
	}

	/**
	 * Creates an instance with its database, and starts it.
	 * @throws OperationError if a name is in use; then nothing has changed.
	 */
	create(wanted: NewInstance): Promise<Instance> {
		return this.#exclusively(async () => {
			await this.#services.find(wanted.serviceId);
			await this.#assertNamesUnused(wanted);
			const instance = await this.#table.insert(wanted);
			this.changes.emit("change");
			try {
				await this.#createDatabase(instance);
			} catch (error) {
				await this.#delete(instance).catch(() => {}); // The manager's next start retries.
				throw error;
			}
			this.#log.info({ instance: formatName(instance) }, "instance created");
			await this.#running.start({ ...instance, state: "ready" });
			return { ...instance, state: "ready" };
		});
	}

	/**
	 * Stops an instance, applies the changes, and restarts it. Its row and its database change in
	 * one transaction, so that a crash leaves everything old or everything new.
	 * @throws OperationError if a name is in use; then nothing has changed.
	 */
	edit(id: number, changes: Partial<InstanceEdit>): Promise<Instance> {
		return this.#exclusively(async () => {
			const before = await this.find(id);
			if (before.state !== "ready")
				throw new OperationError(
					"conflict",
					"notReady",
					`The instance is ${before.state === "making" ? "still being created" : "being deleted"}`,
				);
			const after = { ...before, ...changes };
			for (const password of [after.password, after.databasePassword])
				assertReadable(password);
			await this.#assertNamesUnused(after, before);
			this.#running.stop(before);
			try {
				await this.#database.transaction(async (query) => {
					await changeDatabase(query, before, after);
					await this.#table.edit(query, id, after);
				});
			} catch (error) {
				void this.#startLater(id);
				throw error;
			}
			this.#running.forget(before);
			this.#log.info(
				{ instance: formatName(after), before: formatName(before) },
				"instance changed",
			);
			await this.#running.start(after).catch(() => this.#startLater(id));
			return after;
		});
	}

	/** Deletes an instance with its database. @param name must be the instance's, as confirmation. */
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
			this.#log.info({ instance: formatName(instance) }, "instance deleted");
		});
	}

	/** Starts or stops an instance permanently. @returns whether this changed something. */
	setStarted(id: number, started: boolean): Promise<boolean> {
		return this.#exclusively(async () => {
			const instance = await this.find(id);
			await this.#table.setStarted(id, started);
			if (started) await this.#running.start({ ...instance, started });
			else this.#running.stop(instance);
			return instance.started !== started;
		});
	}

	/** Sets what the instance writes to its service's log from now on. */
	setLogFlags(id: number, logFlags: number): Promise<void> {
		return this.#exclusively(async () => {
			const instance = await this.find(id);
			await this.#table.setLogFlags(id, logFlags);
			this.#running.setLogFlags(instance, logFlags);
		});
	}

	/** Runs work while no instance is created, edited, started or deleted. */
	whileUnchanged<Result>(work: () => Promise<Result>): Promise<Result> {
		return this.#mutex.runExclusive(work);
	}

	/** @param before the instance's current names, if it exists. */
	async #assertNamesUnused(
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

	async #createDatabase(instance: Instance): Promise<void> {
		await createDatabase(this.#database, instance);
		await this.#table.setState(instance.id, "ready");
	}

	async #delete(instance: Instance): Promise<void> {
		await this.#table.setState(instance.id, "deleting");
		this.#running.stop(instance);
		await dropDatabase(this.#database, instance, await this.all());
		await this.#running.delete(instance);
		await this.#table.delete(instance.id);
	}

	/** Continues with the other instances if one fails. */
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
		await this.#createDatabase(instance);
		await this.#running.start({ ...instance, state: "ready" });
	}

	/** Retries while PostgreSQL is unavailable, until the service's process ends. */
	async #startAllOf(serviceId: string): Promise<void> {
		const attempt = async () => {
			if (!this.#services.isRunning(serviceId)) return;
			for (const instance of await this.all())
				if (instance.serviceId === serviceId)
					await this.#running
						.start(instance)
						.catch((error) =>
							this.#log.error(
								{ err: error, instance: formatName(instance) },
								"cannot start the instance",
							),
						);
		};
		await retryUntilDone(
			() => this.#exclusively(attempt),
			(error) =>
				this.#log.warn(
					{ err: error, serviceId },
					"cannot start instances; retrying",
				),
			this.#stopping.signal,
		).catch(() => {}); // The manager stops.
	}

	/** Reads the row again: a transaction may be committed although its response was lost. */
	async #startLater(id: number): Promise<void> {
		const attempt = async () => {
			const instance = (await this.all()).find((one) => one.id === id);
			if (instance) await this.#running.start(instance);
		};
		await retryUntilDone(
			() => this.#exclusively(attempt),
			(error) =>
				this.#log.warn(
					{ err: error, id },
					"cannot restart the instance; retrying",
				),
			this.#stopping.signal,
		).catch(() => {}); // The manager stops.
	}

	async #retry(id: number): Promise<void> {
		await this.#exclusively(async () =>
			this.#running.start(await this.find(id)),
		).catch((error) =>
			this.#log.warn({ err: error, id }, "cannot restart the instance"),
		);
	}

	/** One change at a time: two must not take the same name. */
	#exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
		return this.#mutex
			.runExclusive(work)
			.catch((error) => {
				throw toOperationError(error);
			})
			.finally(() => this.changes.emit("change"));
	}
}

function formatName({
	name,
	domain,
}: {
	name: string;
	domain: string;
}): string {
	return `${name}@${domain}`;
}

function inUse(what: string): OperationError {
	return new OperationError(
		"conflict",
		"nameInUse",
		`${what} is already in use`,
	);
}

/** Explains conflicts with other clients of PostgreSQL, such as `psql`, that no check can exclude. */
function toOperationError(error: unknown): unknown {
	const code = error instanceof DatabaseError ? (error.code ?? "") : "";
	if (["23505", "42P04", "42710"].includes(code))
		return inUse("One of the names");
	if (code === "55006")
		return new OperationError(
			"conflict",
			"databaseInUse",
			"The database cannot be renamed because a client keeps connecting to it, or a session of an administrator is open (see the table pg_stat_activity); nothing has changed",
		);
	return error;
}
