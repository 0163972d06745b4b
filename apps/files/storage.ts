import { type AppInstance, Turn } from "../../sdk/index.ts";
import { Contents } from "./contents.ts";
import type { Change, Database } from "./database.ts";
import type { Path } from "./paths.ts";
import { createTables } from "./schema.ts";
import { findNode, type Node } from "./tree.ts";

/** The files of an instance. */
export class Storage {
	readonly database: Database;
	readonly contents: Contents;
	readonly #instance: AppInstance;
	readonly #turn = new Turn();

	private constructor(instance: AppInstance) {
		this.#instance = instance;
		this.database = instance.database;
		this.contents = new Contents(instance.database, (error) =>
			instance.log(`contents are removed at the next start: ${error}`),
		);
	}

	static async open(instance: AppInstance): Promise<Storage> {
		await createTables(instance.database);
		const storage = new Storage(instance);
		await storage.contents.removeUnused();
		return storage;
	}

	/**
	 * Changes happen one after the other, each whole or not at all. They never wait for a client.
	 * @throws what `work` throws; nothing has changed then.
	 */
	async change<Result>(
		work: (change: Change) => Promise<Result>,
	): Promise<Result> {
		const dropped: string[] = [];
		const result = await this.#turn.take(() =>
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
	 * Finds a file whose content is to be read; it stays until `release`. Between two changes: no
	 * content is dropped after it was found and before it is held.
	 */
	openNode(
		path: Path,
	): Promise<{ node: Node | undefined; release: () => void }> {
		return this.#turn.take(async () => {
			const node = await findNode(this.database, path);
			const content = node?.content;
			return {
				node,
				release: content ? this.contents.hold(content.id) : () => {},
			};
		});
	}
}
