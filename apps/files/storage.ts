import { type AppInstance, Mutex } from "../../sdk/index.ts";
import { Contents } from "./contents.ts";
import type { Database, Transaction } from "./database.ts";
import { createTables } from "./database.ts";
import type { Path } from "./paths.ts";
import { findNode, type Node } from "./tree.ts";

/** The manager makes a database read-only by default that has become too large. */
const readWrite = "SET TRANSACTION READ WRITE";

/** The files of an instance. */
export class Storage {
	readonly database: Database;
	readonly contents: Contents;
	readonly #instance: AppInstance;
	readonly #mutex = new Mutex();

	private constructor(instance: AppInstance) {
		this.#instance = instance;
		this.database = instance.database;
		this.contents = new Contents({
			database: instance.database,
			deleting: (work) => this.#deleting(work),
			onDeleteError: (error) =>
				instance.log(
					`deleting unused contents failed, retrying at the next start: ${error}`,
				),
			// A database on another host has a disk of its own.
			directory:
				instance.arguments.database.port === undefined
					? instance.arguments.workingPath
					: undefined,
		});
	}

	static async open(instance: AppInstance): Promise<Storage> {
		const storage = new Storage(instance);
		await storage.#deleting(createTables);
		await storage.contents.deleteUnused();
		return storage;
	}

	/**
	 * Runs the work in a transaction; transactions run one after the other. The work must not wait
	 * for a client.
	 * @param options.deletes whether it makes the database smaller: then it works while the database is read-only too.
	 * @throws what `work` throws, after a rollback.
	 */
	async transaction<Result>(
		work: (transaction: Transaction) => Promise<Result>,
		{ deletes = false } = {},
	): Promise<Result> {
		const dropped: string[] = [];
		const result = await this.#mutex.runExclusive(() =>
			this.#instance.transaction(async (client) => {
				if (deletes) await client.query(readWrite);
				return work({
					query: (statement, values) => client.query(statement, values),
					dropped,
				});
			}),
		);
		this.contents.drop(dropped);
		return result;
	}

	/** Deletes also while the database is read-only because it has become too large. */
	#deleting<Result>(
		work: (database: Database) => Promise<Result>,
	): Promise<Result> {
		return this.#instance.transaction(async (client) => {
			await client.query(readWrite);
			return work(client);
		});
	}

	/**
	 * Finds a file and keeps its content until `release`. Runs between two transactions, so that no
	 * content is dropped after it was found and before it is held.
	 */
	openNode(
		path: Path,
	): Promise<{ node: Node | undefined; release: () => void }> {
		return this.#mutex.runExclusive(async () => {
			const node = await findNode(this.database, path);
			const content = node?.content;
			return {
				node,
				release: content ? this.contents.hold(content.id) : () => {},
			};
		});
	}
}
