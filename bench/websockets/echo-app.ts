import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Agent, request } from "undici";
import { makeStore } from "../../development/make-store.ts";
import {
	type TestAppliance,
	until,
} from "../../manager/testing/test-appliance.ts";

/** The app at the end of all connections, with one instance: run by the manager, on our SDK. */
export class EchoApp {
	static readonly path = "/example.com/echo/";
	/** Where it listens for the web server. */
	readonly socket: string;
	readonly #agent: Agent;

	private constructor(socket: string) {
		this.socket = socket;
		this.#agent = new Agent({ connect: { socketPath: socket } });
	}

	/** @param appliance runs. */
	static async install(appliance: TestAppliance): Promise<EchoApp> {
		const { directory } = appliance.manager;
		const store = join(directory, "store");
		const [id = ""] = await makeStore(
			[join(import.meta.dirname, "app")],
			store,
		);
		await appliance.done("storeUrlChange", { url: store });
		await appliance.done("serviceInstall", { id });
		await appliance.createInstance(id, "echo", "a secret of the bench");
		const files = await readdir(directory, { recursive: true });
		const socket = files.find((path) => /\/echo\/\d+\.sock$/.test(path));
		if (!socket) throw new Error("The app's socket is not found");
		return new EchoApp(join(directory, socket));
	}

	/** Of its process. */
	async pid(): Promise<number> {
		const { body } = await request(`http://localhost${EchoApp.path}`, {
			dispatcher: this.#agent,
		});
		return Number(await body.text());
	}

	/** Ends its process: the next one's memory has had nobody in it. @returns its id. */
	async startAfresh(): Promise<number> {
		const old = await this.pid();
		process.kill(old, "SIGKILL");
		await until("the app again", async () => (await this.pid()) !== old);
		return this.pid();
	}

	async end(): Promise<void> {
		await this.#agent.destroy();
	}
}
