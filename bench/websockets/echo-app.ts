import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Agent, request } from "undici";
import { makeStore } from "../../development/make-store.ts";
import { type TestAppliance, until } from "../../testing/test-appliance.ts";

/** The app with one instance to which all connections lead, run by the manager and built with our SDK. */
export class EchoApp {
	static readonly path = "/example.com/echo/";
	/** The UNIX socket on which it listens for the web server. */
	readonly socket: string;
	readonly #agent: Agent;

	private constructor(socket: string) {
		this.socket = socket;
		this.#agent = new Agent({ connect: { socketPath: socket } });
	}

	/** @param appliance must be running. */
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

	/** Returns its process id. */
	async pid(): Promise<number> {
		const { body } = await request(`http://localhost${EchoApp.path}`, {
			dispatcher: this.#agent,
		});
		return Number(await body.text());
	}

	/** Restarts its process, so that its memory has had no connections. @returns the new process id. */
	async restart(): Promise<number> {
		const old = await this.pid();
		process.kill(old, "SIGKILL");
		await until(
			"the app has restarted",
			async () => (await this.pid()) !== old,
		);
		return this.pid();
	}

	async end(): Promise<void> {
		await this.#agent.destroy();
	}
}
