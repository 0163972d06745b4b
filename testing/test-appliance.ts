import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { Agent, type Dispatcher } from "undici";
import { LocalWebServer } from "../development/local-web-server.ts";
import { makeStore } from "../development/make-store.ts";
import { type Answer, TestManager } from "./test-manager.ts";

const defaultTimeoutMs = 30_000;

type RequestOptions = Omit<Dispatcher.RequestOptions, "path" | "method"> & {
	method?: string;
};

/** Manager, PostgreSQL and HAProxy, with an administrator logged in. */
export class TestAppliance {
	readonly manager: TestManager;
	readonly webServer: LocalWebServer;
	/** Additional environment of the manager. */
	environment: NodeJS.ProcessEnv = {};
	readonly #browser = new Agent({
		connect: { rejectUnauthorized: false },
		// HAProxy may close a connection after it has refused a request whose body it did not wait for. A request that is
		// sent at that moment on the same connection would fail.
		pipelining: 0,
		headersTimeout: 0,
		bodyTimeout: 0,
	});
	#cookie = "";

	private constructor(manager: TestManager) {
		this.manager = manager;
		this.webServer = new LocalWebServer(manager.directory, manager.socket);
	}

	static async create(): Promise<TestAppliance> {
		return new TestAppliance(await TestManager.create());
	}

	/** Starts an appliance with one app installed from a store. */
	static async withApp(appDirectory: string): Promise<TestAppliance> {
		const appliance = await TestAppliance.create();
		try {
			const store = join(appliance.manager.directory, "store");
			const [id] = await makeStore([appDirectory], store);
			await appliance.start();
			await appliance.done("storeUrlChange", { url: store });
			await appliance.done("serviceInstall", { id });
			return appliance;
		} catch (error) {
			await appliance.remove();
			throw error;
		}
	}

	async start(): Promise<void> {
		await this.webServer.start();
		await this.startManager();
	}

	/** @param message of the log to wait for. */
	async startManager(message = "the database is ready"): Promise<void> {
		this.manager.port = this.webServer.managerPort;
		await this.manager.start(message, this.managerEnvironment);
		this.#cookie = await this.manager.logIn();
	}

	/** The environment of the manager. */
	get managerEnvironment(): NodeJS.ProcessEnv {
		return {
			...this.webServer.environment,
			MANAGER_RUN_APP_COMMAND: join(
				import.meta.dirname,
				"../development/run-app.sh",
			),
			MANAGER_CERTIFICATE_COMMAND: join(
				import.meta.dirname,
				"../development/certificate.sh",
			),
			...this.environment,
		};
	}

	async remove(): Promise<void> {
		await this.#browser.destroy();
		await this.webServer.kill();
		await this.manager.remove();
	}

	call(operation: string, input: object = {}): Promise<Answer> {
		return this.manager.call(operation, input, { cookie: this.#cookie });
	}

	/** Posts a body other than JSON. */
	upload(
		path: string,
		type: string,
		body: Buffer | string | Readable,
	): Promise<Answer> {
		const headers = { "content-type": type };
		return this.manager.post(path, body, { cookie: this.#cookie, headers });
	}

	/** Calls an operation that must succeed. @throws Error with the error's message. */
	async done(operation: string, input: object = {}): Promise<Answer["body"]> {
		const { status, body } = await this.call(operation, input);
		if (status !== 200) throw new Error(body.error.message);
		return body;
	}

	/** Creates an instance of example.com and waits until it answers. @returns its path. */
	async createInstance(
		serviceId: string,
		name: string,
		password: string,
	): Promise<string> {
		const instance = { serviceId, name, domain: "example.com", password };
		const { path } = await this.done("instanceCreate", instance);
		await this.waitUntilReached(path);
		return path;
	}

	/** Connects to an instance's database. */
	async database(name: string): Promise<Client> {
		const { host, user } = this.manager.cluster;
		const client = new Client({ host, user, database: `example.com_${name}` });
		await client.connect();
		return client;
	}

	/** The origin of the manager. */
	get managerOrigin(): string {
		return `https://127.0.0.1:${this.webServer.managerPort}`;
	}

	/** The origin of the apps. */
	get origin(): string {
		return `https://127.0.0.1:${this.webServer.port}`;
	}

	/** Sends a request through the web server, not logged in, to the origin of the apps by default. @param path is sent unchanged. */
	request(
		path: string,
		{ method = "GET", ...options }: RequestOptions = {},
	): Promise<Dispatcher.ResponseData> {
		return this.#browser.request({
			origin: this.origin,
			...options,
			path,
			// The type lacks WebDAV methods.
			method: method as Dispatcher.HttpMethod,
		});
	}

	/** Sends a request as `request` does and reads the answer. */
	async fetch(path: string, options?: RequestOptions) {
		const { statusCode, headers, body } = await this.request(path, options);
		const bytes = Buffer.from(await body.arrayBuffer());
		return {
			status: statusCode,
			headers: headers as Record<string, string>,
			bytes,
			text: bytes.toString(),
		};
	}

	/** Repeats a request until it is answered with a status. */
	waitForStatus(path: string, status = 200): Promise<void> {
		return until(
			`${status} at ${path}`,
			async () => (await this.fetch(path)).status === status,
		);
	}

	/** Waits until a path is answered by an app or the manager, not only by the web server. */
	waitUntilReached(path: string): Promise<void> {
		return until(
			`an answer at ${path}`,
			async () => ![404, 502, 503].includes((await this.fetch(path)).status),
		);
	}
}

/** Polls a condition until it is true. */
export async function until(
	description: string,
	isTrue: () => Promise<boolean>,
	timeoutMs = defaultTimeoutMs,
): Promise<void> {
	const end = performance.now() + timeoutMs;
	while (!(await isTrue().catch(() => false))) {
		if (performance.now() > end) throw new Error(`Timed out: ${description}`);
		await delay(50);
	}
}
