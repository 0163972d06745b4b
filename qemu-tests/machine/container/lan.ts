import {
	type ChildProcess,
	type StdioOptions,
	spawn,
} from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
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

/** A machine's port in the network. */
export interface Port {
	/** The name of the link on the bridge. */
	link: string;
	mac: string;
	/** The address that DHCP assigns. */
	address: string;
}

/** Where a card is: in the network, there without a cable, or in another one, with DHCP only if a test configures it. */
export type Bridge = "lan" | "unplugged" | "lan2";

/** What a bad link does in each direction. */
export interface LinkFaults {
	/** More is dropped. */
	kilobytesPerSecond?: number;
	/** Of 100 packets, how many are lost. */
	lossPercent?: number;
}

const maxMachines = 32;

/**
 * The network of container machines: a bridge in its own namespace with a DHCP server, as in QEMU's user network:
 * 10.0.2.0/24, with this host at 10.0.2.2 and no route to anything else. It ends with this process.
 */
export class Lan {
	readonly #directory = temporaryDirectory();
	#process: ChildProcess | undefined;
	readonly #ports: Port[] = [];
	readonly #servers: Server[] = [];
	readonly #children = new Set<ChildProcess>();
	#sockets = 0;
	#started: Promise<number> | undefined;

	/** @param configuration lines for the configuration of dnsmasq, the DHCP and DNS server. */
	constructor({ configuration = [] }: { configuration?: string[] } = {}) {
		writeFileSync(
			join(this.#directory.path, "dnsmasq.conf"),
			configuration.map((line) => `${line}\n`).join(""),
		);
	}

	/** Replaces the options that the DHCP server sends from now on: lines such as "3,10.0.2.2". */
	async setDhcpOptions(options: readonly string[]): Promise<void> {
		await this.start();
		writeFileSync(
			join(this.#directory.path, "options"),
			options.map((line) => `${line}\n`).join(""),
		);
		this.#process?.kill("SIGHUP");
	}

	/** Stops or continues the DHCP and DNS server. */
	setServer(state: "on" | "off"): void {
		this.#process?.kill(state === "on" ? "SIGCONT" : "SIGSTOP");
	}

	/** Returns the id of the process whose network namespace has the bridge. */
	start(): Promise<number> {
		this.#started ??= this.#start();
		return this.#started;
	}

	/** Adds a port for another machine. */
	newPort(): Port {
		const index = this.#ports.length;
		if (index === maxMachines)
			throw new Error(`A network has at most ${maxMachines} machines`);
		const port = { link: `port${index}`, ...lease(index) };
		this.#ports.push(port);
		return port;
	}

	/** Connects or disconnects a machine's cable. */
	async setLink(port: Port, state: "up" | "down"): Promise<void> {
		await this.inside("ip", "link", "set", port.link, state);
	}

	/**
	 * Makes a machine's link slow or lossy, or good again. nftables does it, which more kernels have than tc's netem; it
	 * cannot delay packets.
	 */
	async setFaults(
		{ link }: Port,
		{ kilobytesPerSecond, lossPercent }: LinkFaults,
	): Promise<void> {
		const rules = [
			...(lossPercent ? [`numgen random mod 100 < ${lossPercent} drop`] : []),
			...(kilobytesPerSecond
				? [`limit rate over ${kilobytesPerSecond} kbytes/second drop`]
				: []),
		].join("; ");
		const chains = ["ingress", "egress"].map(
			(hook) =>
				`chain ${hook} { type filter hook ${hook} device ${link} priority 0; ${rules}; };`,
		);
		const table = `table netdev ${link}`;
		await this.inside(
			// npm's search path has another program of this name.
			"/usr/sbin/nft",
			`${table}; delete ${table}; ${table} { ${chains.join(" ")} }`,
		);
	}

	/** Runs a command in the network's namespace. */
	async inside(...command: string[]): Promise<string> {
		const network = await this.start();
		const { stdout } = await $({
			quiet: true,
		})`nsenter --target=${network} --net ${command}`;
		return stdout;
	}

	/** Forwards a port of 127.0.0.1 to one in the network and returns it. @param hostPort 0 means any free port. */
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

	/** Makes a port of 127.0.0.1 reachable from the network. */
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
		const hosts = Array.from({ length: maxMachines }, (_, index) => {
			const { mac, address } = lease(index);
			return `${mac},${address}`;
		});
		const child = this.#spawn(
			"unshare",
			["--net", "sh", script, this.#directory.path, ...hosts],
			["ignore", "pipe", "inherit"],
		);
		this.#process = child;
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

	/** Relays connections between the network's namespace and this one. */
	async #relay(from: string, to: string): Promise<void> {
		this.#spawn("nsenter", [
			...[`--target=${await this.start()}`, "--net"],
			// socat's child processes end with it.
			...["unshare", "--pid", "--fork", "--kill-child=KILL"],
			// With -t, a peer that has closed its sending side still gets the answer.
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

	/** The kernel kills the child when this process ends. */
	#spawn(
		program: string,
		parameters: string[],
		// socat reports each connection that a guest refuses.
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

/** The first lease is the one of QEMU's user network. */
function lease(index: number): { mac: string; address: string } {
	const last = (0x56 + index).toString(16);
	return { mac: `52:54:00:12:34:${last}`, address: `10.0.2.${15 + index}` };
}
