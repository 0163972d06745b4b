import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { Agent, type Dispatcher } from "undici";
import { makeStore } from "../development/make-store.ts";
import { LocalWebServer } from "../development/local-web-server.ts";
import { type Answer, TestManager } from "./test-manager.ts";

const patienceMs = 30_000;

type RequestOptions = Omit<Dispatcher.RequestOptions, "path" | "method"> & {
	method?: string;
};

/** Manager, PostgreSQL and HAProxy, with somebody logged in. */
export class TestAppliance {
	readonly manager: TestManager;
	readonly webServer: LocalWebServer;
	/** More of the manager's environment. */
	settings: NodeJS.ProcessEnv = {};
	readonly #browser = new Agent({
		connect: { rejectUnauthorized: false },
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

	/** One that has started, with one app from a store. */
	static async withApp(appFolder: string): Promise<TestAppliance> {
		const appliance = await TestAppliance.create();
		try {
			const store = join(appliance.manager.directory, "store");
			const [id] = await makeStore([appFolder], store);
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

	/** @param message of its log that is waited for. */
	async startManager(message = "the database is ready"): Promise<void> {
		await this.manager.start(message, {
			MANAGER_RUN_FOLDER: this.webServer.runDirectory,
			MANAGER_RUN_APP_COMMAND: join(
				import.meta.dirname,
				"../development/run-app.sh",
			),
			MANAGER_MAKE_CERTIFICATE_COMMAND: join(
				import.meta.dirname,
				"../rootfs-overlay/usr/lib/app-platform/make-certificate",
			),
			...this.settings,
		});
		this.#cookie = await this.manager.logIn();
	}

	async remove(): Promise<void> {
		await this.#browser.destroy();
		await this.webServer.kill();
		await this.manager.remove();
	}

	call(operation: string, input: object = {}): Promise<Answer> {
		return this.manager.call(operation, input, { cookie: this.#cookie });
	}

	/** What no JSON can carry. */
	upload(
		path: string,
		type: string,
		body: Buffer | string | Readable,
	): Promise<Answer> {
		const headers = { "content-type": type };
		return this.manager.post(path, body, { cookie: this.#cookie, headers });
	}

	/** @throws Error with the refusal's words. */
	async done(operation: string, input: object = {}): Promise<Answer["body"]> {
		const { status, body } = await this.call(operation, input);
		if (status !== 200) throw new Error(body.error.message);
		return body;
	}

	/** Of example.com; waits for it. @returns its path. */
	async createInstance(
		serviceId: string,
		name: string,
		password: string,
	): Promise<string> {
		const wanted = { serviceId, name, domain: "example.com", password };
		const { path } = await this.done("instanceCreate", wanted);
		await this.isReached(path);
		return path;
	}

	/** A connection to an instance's database. */
	async database(name: string): Promise<Client> {
		const { host, user } = this.manager.cluster;
		const client = new Client({ host, user, database: `example.com_${name}` });
		await client.connect();
		return client;
	}

	/** Of the web server. */
	get origin(): string {
		return `https://127.0.0.1:${this.webServer.port}`;
	}

	/** Through the web server, as anybody. @param path is sent as it is. */
	request(
		path: string,
		{ method = "GET", ...options }: RequestOptions = {},
	): Promise<Dispatcher.ResponseData> {
		return this.#browser.request({
			...options,
			origin: this.origin,
			path,
			// Its type lacks WebDAV's.
			method: method as Dispatcher.HttpMethod,
		});
	}

	/** The same, with the answer read. */
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

	/** Where it is answered with another status, or cut off, again and again. */
	answers(path: string, status = 200): Promise<void> {
		return until(
			`${status} at ${path}`,
			async () => (await this.fetch(path)).status === status,
		);
	}

	/** Until somebody answers there, whatever it is, but for the web server itself. */
	isReached(path: string): Promise<void> {
		return until(
			`an answer at ${path}`,
			async () => ![404, 502, 503].includes((await this.fetch(path)).status),
		);
	}
}

/** Nothing tells us when another process is ready: looked at again and again. */
export async function until(
	what: string,
	isSo: () => Promise<boolean>,
	mostMs = patienceMs,
): Promise<void> {
	const end = performance.now() + mostMs;
	while (!(await isSo().catch(() => false))) {
		if (performance.now() > end) throw new Error(`It never came: ${what}`);
		await delay(50);
	}
}
