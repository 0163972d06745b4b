import { type AppInstance, Mutex } from "../../sdk/index.ts";
import { Contents } from "./contents.ts";
import type { Database, Transaction } from "./database.ts";
import { createTables } from "./database.ts";
import type { Path } from "./paths.ts";
import { findNode, type Node } from "./tree.ts";

/** The files of an instance. */
export class Storage {
	readonly database: Database;
	readonly contents: Contents;
	readonly #instance: AppInstance;
	readonly #mutex = new Mutex();

	private constructor(instance: AppInstance) {
		this.#instance = instance;
		this.database = instance.database;
		this.contents = new Contents(instance.database, (error) =>
			instance.log(
				`deleting unused contents failed, retrying at the next start: ${error}`,
			),
		);
	}

	static async open(instance: AppInstance): Promise<Storage> {
		await createTables(instance.database);
		const storage = new Storage(instance);
		await storage.contents.deleteUnused();
		return storage;
	}

	/**
	 * Runs the work in a transaction; transactions run one after the other. The work must not wait
	 * for a client.
	 * @throws what `work` throws, after a rollback.
	 */
	async transaction<Result>(
		work: (transaction: Transaction) => Promise<Result>,
	): Promise<Result> {
		const dropped: string[] = [];
		const result = await this.#mutex.runExclusive(() =>
			this.#instance.transaction((client) =>
				work({
					query: (statement, values) => client.query(statement, values),
					dropped,
				}),
			),
		);
		this.contents.drop(dropped);
		return result;
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
