import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Agent, request } from "undici";
import { type Answer, TestManager } from "./test-manager.ts";
import { TestWebServer } from "./test-web-server.ts";

const patienceMs = 30_000;
const anyCertificate = new Agent({ connect: { rejectUnauthorized: false } });

/** Manager, PostgreSQL and HAProxy, with somebody logged in. */
export class TestAppliance {
	readonly manager: TestManager;
	readonly webServer: TestWebServer;
	#cookie = "";

	private constructor(manager: TestManager) {
		this.manager = manager;
		this.webServer = new TestWebServer(manager.directory, manager.socket);
	}

	static async create(): Promise<TestAppliance> {
		return new TestAppliance(await TestManager.create());
	}

	async start(): Promise<void> {
		await this.webServer.start();
		await this.startManager();
	}

	/** @param message of its log that is waited for. */
	async startManager(message = "the database is ready"): Promise<void> {
		await this.manager.start(message, {
			MANAGER_RUN_FOLDER: this.webServer.runFolder,
			MANAGER_RUN_APP_COMMAND: join(
				import.meta.dirname,
				"../services/run-app.fixture.sh",
			),
		});
		this.#cookie = await this.manager.logIn();
	}

	async remove(): Promise<void> {
		await this.webServer.kill();
		await this.manager.remove();
	}

	call(operation: string, input: object = {}): Promise<Answer> {
		return this.manager.call(operation, input, { cookie: this.#cookie });
	}

	/** @throws Error with the refusal's words. */
	async done(operation: string, input: object = {}): Promise<Answer["body"]> {
		const { status, body } = await this.call(operation, input);
		if (status !== 200) throw new Error(body.error.message);
		return body;
	}

	/** Through the web server, as anybody. */
	async fetch(
		path: string,
		options: { method?: "GET" | "POST"; body?: string } = {},
	) {
		const { statusCode, headers, body } = await request(
			`https://127.0.0.1:${this.webServer.port}${path}`,
			{ dispatcher: anyCertificate, ...options },
		);
		return { status: statusCode, headers, text: await body.text() };
	}

	/** Where it is answered with another status, or cut off, again and again. */
	answers(path: string, status = 200): Promise<void> {
		return until(`${status} at ${path}`, async () => {
			const answer = await this.fetch(path).catch(() => undefined);
			return answer?.status === status;
		});
	}
}

/** Nothing tells us when another process is ready: looked at again and again. */
export async function until(
	what: string,
	isSo: () => Promise<boolean>,
): Promise<void> {
	const end = performance.now() + patienceMs;
	while (!(await isSo())) {
		if (performance.now() > end) throw new Error(`It never came: ${what}`);
		await delay(50);
	}
}
