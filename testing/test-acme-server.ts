import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onExit } from "signal-exit";
import { request } from "undici";
import { freePort } from "../development/free-port.ts";
import { TestAuthority } from "./test-authority.ts";

/** An ACME authority whose name server resolves every name to 127.0.0.1: Pebble and pebble-challtestsrv. */
export class TestAcmeServer {
	/** PEM of the authority that issued the server's HTTPS certificate. */
	readonly authoritiesFile: string;
	readonly directoryUrl: string;
	readonly #names: string;
	readonly #processes: ChildProcess[];

	private constructor(
		authoritiesFile: string,
		directoryUrl: string,
		names: string,
		processes: ChildProcess[],
	) {
		this.authoritiesFile = authoritiesFile;
		this.directoryUrl = directoryUrl;
		this.#names = names;
		this.#processes = processes;
	}

	/**
	 * @param directory for its files.
	 * @param httpPort the port that it uses instead of port 80.
	 * @param reached the address and port at which a device on another machine reaches it; the
	 * server listens on the same port.
	 */
	static async start(
		directory: string,
		httpPort: number,
		reached?: { address: string; port: number },
	): Promise<TestAcmeServer> {
		const address = reached?.address ?? "127.0.0.1";
		const authority = await TestAuthority.create("Pebble's own");
		const server = await authority.server("pebble", {
			extensions: [`subjectAltName=IP:${address}`],
		});
		const file = (name: string) => join(directory, `pebble-${name}`);
		await writeFile(file("authority.pem"), authority.certificate);
		await writeFile(file("certificate.pem"), server.certificate);
		await writeFile(file("key.pem"), server.key);
		const [acme, dns, management] = await Promise.all([
			reached?.port ?? freePort(),
			freePort(),
			freePort(),
		]);
		const pebble = {
			listenAddress: `127.0.0.1:${acme}`,
			managementListenAddress: "",
			certificate: file("certificate.pem"),
			privateKey: file("key.pem"),
			httpPort,
			tlsPort: 1,
		};
		await writeFile(file("config.json"), JSON.stringify({ pebble }));
		const names = startProcess("pebble-challtestsrv", [
			...["-dns01", `127.0.0.1:${dns}`, "-defaultIPv6", ""],
			...["-http01", "", "-https01", "", "-tlsalpn01", ""],
			...["-management", `127.0.0.1:${management}`],
		]);
		const authorityProcess = startProcess("pebble", [
			...["-config", file("config.json"), "-dnsserver", `127.0.0.1:${dns}`],
		]);
		await Promise.all([
			waitForOutput(names, /Starting management server/),
			waitForOutput(authorityProcess, /Listening on: /),
		]);
		return new TestAcmeServer(
			file("authority.pem"),
			`https://${address}:${acme}/dir`,
			`http://127.0.0.1:${management}`,
			[names, authorityProcess],
		);
	}

	/** Resolves a name to another address than 127.0.0.1. */
	async resolveTo(host: string, address: string): Promise<void> {
		const { statusCode } = await request(`${this.#names}/add-a`, {
			method: "POST",
			body: JSON.stringify({ host, addresses: [address] }),
		});
		if (statusCode !== 200)
			throw new Error(`The address of ${host} cannot be set`);
	}

	async stop(): Promise<void> {
		for (const child of this.#processes) {
			if (child.exitCode !== null || child.signalCode !== null) continue;
			const exited = once(child, "exit");
			child.kill("SIGKILL");
			await exited;
		}
	}
}

function startProcess(program: string, args: string[]): ChildProcess {
	const child = spawn(program, args, {
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...process.env, PEBBLE_VA_NOSLEEP: "1" },
	});
	child.once(
		"exit",
		onExit(() => void child.kill("SIGKILL")),
	);
	return child;
}

/** Continues to read the output afterwards: a full pipe would block the program. */
async function waitForOutput(
	child: ChildProcess,
	pattern: RegExp,
): Promise<void> {
	const lines: string[] = [];
	await new Promise<void>((resolve, reject) => {
		for (const output of [child.stdout, child.stderr])
			if (output)
				createInterface({ input: output }).on("line", (line) => {
					lines.push(line);
					if (pattern.test(line)) resolve();
				});
		child.once("error", reject);
		child.once("exit", () =>
			reject(
				new Error(`${child.spawnfile} did not start:\n${lines.join("\n")}`),
			),
		);
	});
}
