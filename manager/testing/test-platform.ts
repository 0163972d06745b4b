import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { Agent, type Dispatcher } from "undici";
import { makeStore } from "../store/make-store.ts";
import { TestManager } from "./test-manager.ts";
import { TestWebServer } from "./test-web-server.ts";

const patienceMs = 20_000;
const runAppCommand = join(
	import.meta.dirname,
	"../services/run-app.fixture.sh",
);

/** The real manager and web server with one app from a store, for tests of that app. */
export class TestPlatform {
	readonly manager: TestManager;
	readonly #webServer: TestWebServer;
	readonly #browser = new Agent({
		connect: { rejectUnauthorized: false },
		headersTimeout: 0,
		bodyTimeout: 0,
	});
	#cookie = "";

	private constructor(manager: TestManager) {
		this.manager = manager;
		this.#webServer = new TestWebServer(manager.directory, manager.socket);
	}

	/** @param appFolder with its app.json and main.ts. */
	static async create(appFolder: string): Promise<TestPlatform> {
		const manager = await TestManager.create();
		const platform = new TestPlatform(manager);
		const store = join(manager.directory, "store");
		const [id] = await makeStore([appFolder], store);
		await platform.#webServer.start();
		await manager.start("the database is ready", {
			MANAGER_RUN_FOLDER: platform.#webServer.runFolder,
			MANAGER_RUN_APP_COMMAND: runAppCommand,
		});
		platform.#cookie = await manager.logIn();
		await platform.done("storeUrlChange", { url: store });
		await platform.done("serviceInstall", { id });
		return platform;
	}

	async remove(): Promise<void> {
		await this.#browser.destroy();
		await this.#webServer.kill();
		await this.manager.remove();
	}

	/** Of the web server. */
	get origin(): string {
		return `https://127.0.0.1:${this.#webServer.port}`;
	}

	/** Makes an instance and waits for it. @returns its path. */
	async createInstance(
		serviceId: string,
		name: string,
		password: string,
	): Promise<string> {
		const domain = "example.com";
		const { path } = await this.done("instanceCreate", {
			...{ serviceId, name, domain, password },
		});
		await this.answers(path);
		return path;
	}

	/** Until somebody answers there, whatever it is, but for the web server itself. */
	async answers(path: string): Promise<void> {
		await until(`an answer at ${path}`, async () => {
			const answer = await this.request(path, { method: "OPTIONS" });
			await answer.body.dump();
			return ![404, 502, 503].includes(answer.statusCode);
		});
	}

	/** @param path is sent as it is. */
	request(
		path: string,
		options: Omit<Dispatcher.RequestOptions, "path" | "method"> & {
			method: string;
		},
	): Promise<Dispatcher.ResponseData> {
		return this.#browser.request({
			...options,
			origin: this.origin,
			path,
			// Its type lacks WebDAV's.
			method: options.method as Dispatcher.HttpMethod,
		});
	}

	/** Calls an operation of the manager. @throws Error with the refusal's words. */
	async done(operation: string, input: object) {
		const { status, body } = await this.manager.call(operation, input, {
			cookie: this.#cookie,
		});
		if (status !== 200) throw new Error(body.error.message);
		return body;
	}

	/** A connection to an instance's database. */
	async database(name: string): Promise<Client> {
		const { host, user } = this.manager.cluster;
		const client = new Client({ host, user, database: `example.com_${name}` });
		await client.connect();
		return client;
	}
}

/** Nothing tells us when another process is ready: looked at again and again. */
export async function until(
	what: string,
	isSo: () => Promise<boolean>,
): Promise<void> {
	const end = performance.now() + patienceMs;
	while (!(await isSo().catch(() => false))) {
		if (performance.now() > end) throw new Error(`It never came: ${what}`);
		await delay(50);
	}
}
