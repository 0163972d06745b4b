import { once } from "node:events";
import { Client, type ClientChannel, type SFTPWrapper } from "ssh2";
import { type CommandResult, Console } from "./console.ts";
import { PermanentError, within } from "./time.ts";

export type Credentials = { user: string; password: string };

/** An SSH session with the guest. */
export class Ssh {
	readonly #client: Client;

	private constructor(client: Client) {
		this.#client = client;
	}

	/** Attempts to log in once. @throws PermanentError when the password is refused. */
	static async connect(port: number, credentials: Credentials): Promise<Ssh> {
		const client = new Client();
		const ready = once(client, "ready");
		client.connect({
			host: "127.0.0.1",
			port,
			username: credentials.user,
			password: credentials.password,
			readyTimeout: 60_000,
		});
		try {
			await ready;
		} catch (error) {
			client.end();
			throw isRefusedPassword(error)
				? new PermanentError("password refused", { cause: error })
				: error;
		}
		// A guest may lose its power at any time; the running command then sees its channel close.
		client.on("error", () => {});
		return new Ssh(client);
	}

	/** Runs a command; the output has both streams. The exit code of an interrupted session is -1. */
	async run(
		command: string,
		{ timeoutMs = 60_000, input = "" } = {},
	): Promise<CommandResult> {
		let output = "";
		let exitCode = -1;
		const collect = (chunk: Buffer) => {
			output += chunk.toString("utf8");
		};
		type Opened = { channel: ClientChannel; closed: Promise<unknown> };
		const { channel, closed } = await new Promise<Opened>((resolve, reject) =>
			this.#client.exec(command, (error, opened) => {
				if (error) return reject(error);
				// At once: the exit code may have arrived together with the channel.
				opened.on("data", collect);
				opened.stderr.on("data", collect);
				opened.on("exit", (code: number | null) => {
					exitCode = code ?? -1;
				});
				resolve({ channel: opened, closed: once(opened, "close") });
			}),
		);
		channel.end(input);
		await within(`the end of "${command}" over SSH`, timeoutMs, closed);
		return { exitCode, output };
	}

	/** Opens a shell with a terminal, for commands that ask for a password. */
	async terminal(): Promise<Console> {
		const channel = await new Promise<ClientChannel>((resolve, reject) =>
			this.#client.shell({ cols: 1000, rows: 50 }, (error, opened) =>
				error ? reject(error) : resolve(opened),
			),
		);
		return new Console(channel);
	}

	/** Writes a file to the guest by SFTP. */
	async writeFile(path: string, content: Buffer | string): Promise<void> {
		const sftp = await this.#sftp();
		await new Promise<void>((resolve, reject) =>
			sftp.writeFile(path, content, (error) =>
				error ? reject(error) : resolve(),
			),
		);
		sftp.end();
	}

	/** Reads a file from the guest by SFTP. */
	async readFile(path: string): Promise<Buffer> {
		const sftp = await this.#sftp();
		const content = await new Promise<Buffer>((resolve, reject) =>
			sftp.readFile(path, (error, data) =>
				error ? reject(error) : resolve(data),
			),
		);
		sftp.end();
		return content;
	}

	close(): void {
		this.#client.end();
	}

	#sftp(): Promise<SFTPWrapper> {
		return new Promise((resolve, reject) =>
			this.#client.sftp((error, session) =>
				error ? reject(error) : resolve(session),
			),
		);
	}
}

function isRefusedPassword(error: unknown): boolean {
	return (
		error instanceof Error &&
		"level" in error &&
		error.level === "client-authentication"
	);
}
