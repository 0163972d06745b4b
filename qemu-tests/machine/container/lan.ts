import {
	type ChildProcess,
	type StdioOptions,
	spawn,
} from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
	type AddressInfo,
	connect,
	createServer,
	type ListenOptions,
	type NetConnectOpts,
	type Server,
} from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { $ } from "zx";
import type { HostService } from "../arguments.ts";
import { temporaryDirectory } from "../cleanup.ts";
import { eventually } from "../time.ts";

/** A machine's way into the network. */
export interface Port {
	/** The link's name at the bridge. */
	link: string;
	mac: string;
	/** What DHCP gives the card. */
	address: string;
}

const mostMachines = 32;

/**
 * The network of container machines: a bridge in a namespace of its own, with a DHCP server, as QEMU's user
 * network has one: 10.0.2.0/24, of which 10.0.2.2 is this host. There is no way to anything else. Ends
 * with this process.
 */
export class Lan {
	readonly #directory = temporaryDirectory();
	readonly #ports: Port[] = [];
	readonly #servers: Server[] = [];
	readonly #children = new Set<ChildProcess>();
	#sockets = 0;
	#started: Promise<number> | undefined;

	/** The process in whose network namespace the bridge is. */
	start(): Promise<number> {
		this.#started ??= this.#start();
		return this.#started;
	}

	/** A place for one more machine. */
	newPort(): Port {
		const index = this.#ports.length;
		if (index === mostMachines)
			throw new Error(`A network has at most ${mostMachines} machines`);
		const port = { link: `port${index}`, ...lease(index) };
		this.#ports.push(port);
		return port;
	}

	/** Plugs a machine's cable in or out. */
	async setLink(port: Port, state: "up" | "down"): Promise<void> {
		await this.inside("ip", "link", "set", port.link, state);
	}

	/** Runs a command in the network's namespace. */
	async inside(...command: string[]): Promise<string> {
		const network = await this.start();
		const { stdout } = await $({
			quiet: true,
		})`nsenter --target=${network} --net ${command}`;
		return stdout;
	}

	/** A port of 127.0.0.1 that leads to one of the network. @param hostPort 0 is any that is free. */
	async forward(address: string, port: number, hostPort = 0): Promise<number> {
		const path = this.#newSocket();
		await this.#relay(`UNIX-LISTEN:${path},fork`, `TCP:${address}:${port}`);
		await eventually(
			"socat listens",
			async () => existsSync(path) || undefined,
			{ intervalMs: 10 },
		);
		const server = await this.#serve(
			{ host: "127.0.0.1", port: hostPort },
			{ path },
		);
		return (server.address() as AddressInfo).port;
	}

	/** Lets the network reach a port of 127.0.0.1. */
	async offer({ address, port }: HostService): Promise<void> {
		await this.inside(
			...["ip", "address", "replace", `${address}/24`, "dev", "lan"],
		);
		const path = this.#newSocket();
		await this.#serve({ path }, { host: "127.0.0.1", port });
		await this.#relay(
			`TCP-LISTEN:${port},bind=${address},reuseaddr,fork`,
			`UNIX-CONNECT:${path}`,
		);
	}

	stop(): void {
		for (const server of this.#servers) server.close();
		for (const child of this.#children) child.kill("SIGKILL");
		this.#directory.remove();
	}

	async #start(): Promise<number> {
		const script = fileURLToPath(new URL("lan.sh", import.meta.url));
		const hosts = Array.from({ length: mostMachines }, (_, index) => {
			const { mac, address } = lease(index);
			return `${mac},${address}`;
		});
		const child = this.#spawn(
			"unshare",
			["--net", "sh", script, this.#directory.path, ...hosts],
			["ignore", "pipe", "inherit"],
		);
		const lines = createInterface(child.stdout as NodeJS.ReadableStream);
		const [line] = await Promise.race([
			once(lines, "line"),
			once(child, "close").then(() => {
				throw new Error("The network of the container machines did not start");
			}),
		]);
		if (line !== "ready") throw new Error(String(line));
		return child.pid as number;
	}

	#newSocket(): string {
		return join(this.#directory.path, `${this.#sockets++}.socket`);
	}

	/** Leads connections from the network's namespace to this one, or from this to that. */
	async #relay(from: string, to: string): Promise<void> {
		this.#spawn("nsenter", [
			...[`--target=${await this.start()}`, "--net"],
			// The processes of its connections end with it.
			...["unshare", "--pid", "--fork", "--kill-child=KILL"],
			// With -t, an end that has said all it had to say still gets the answer.
			...["socat", "-t86400", from, to],
		]);
	}

	async #serve(where: ListenOptions, to: NetConnectOpts): Promise<Server> {
		const server = createServer({ allowHalfOpen: true }, (one) => {
			const other = connect({ ...to, allowHalfOpen: true });
			one.pipe(other).pipe(one);
			one.on("error", () => other.destroy());
			other.on("error", () => one.destroy());
		});
		server.listen(where);
		await once(server, "listening");
		server.unref();
		this.#servers.push(server);
		return server;
	}

	/** The kernel ends the child with this process. */
	#spawn(
		program: string,
		parameters: string[],
		// socat tells of each connection that a guest refuses.
		stdio: StdioOptions = "ignore",
	): ChildProcess {
		const child = spawn(
			"setpriv",
			["--pdeathsig", "KILL", program, ...parameters],
			{ stdio },
		);
		this.#children.add(child);
		child.on("close", () => this.#children.delete(child));
		return child;
	}
}

/** The first is what QEMU's user network gives. */
function lease(index: number): { mac: string; address: string } {
	const last = (0x56 + index).toString(16);
	return { mac: `52:54:00:12:34:${last}`, address: `10.0.2.${15 + index}` };
}
