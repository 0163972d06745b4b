import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { readMessages, writeMessage } from "../../../sdk/messages.ts";
import {
	protocolVersion,
	type ToManager,
	type ToService,
	toManager,
} from "../../../sdk/protocol.ts";
import type { Log } from "../../shared/log.ts";
import type { AppSystem } from "./app-system.ts";
import { healthyAfterMs, RestartDelay } from "./restart-delay.ts";
import type { Service } from "./service.ts";

export type ProcessState =
	| "stopped"
	/** The process exists but has not sent Hello yet. */
	| "starting"
	| "running"
	/** The process has crashed and is restarted after a delay. */
	| "waiting";

export interface ProcessEvents {
	/** The process has sent Hello and knows no instance yet. */
	onReady(): void;
	onMessage(message: ToManager): void;
	/** The process has ended, and with it everything it reported. */
	onExit(): void;
	/** @param isLoop false after a healthy run, and when the service is stopped. */
	onCrashLoop(isLoop: boolean): void;
	onStateChange(): void;
}

/** A small device is busy for a long time when it starts many services at once. */
const helloTimeoutMs = 120_000;
const stopTimeoutMs = 8_000;
/** A build that does not work ends within this time. */
const trialMs = 3_000;
/** A higher rate is an attack or a mistake. */
const maxMessagesPerMinute = 10_000;

/** The process of a service: starts it, communicates with it, and restarts it after a crash. */
export class ServiceProcess {
	readonly #service: Service;
	readonly #system: AppSystem;
	readonly #events: ProcessEvents;
	readonly #log: Log;
	readonly #delay = new RestartDelay();
	readonly #controlSocket: string;
	#state: ProcessState = "stopped";
	#isWanted = false;
	#crashes = 0;
	#minor = 0;
	#spawnedMs = 0;
	#minute = 0;
	#messagesInMinute = 0;
	#child: ChildProcess | undefined;
	#server: Server | undefined;
	#socket: Socket | undefined;
	#timer: NodeJS.Timeout | undefined;
	#healthTimer: NodeJS.Timeout | undefined;

	constructor(
		service: Service,
		system: AppSystem,
		events: ProcessEvents,
		log: Log,
	) {
		this.#service = service;
		this.#system = system;
		this.#events = events;
		this.#log = log.child({ service: service.id });
		this.#controlSocket = system.controlSocket(service);
	}

	get state(): ProcessState {
		return this.#state;
	}

	#setState(state: ProcessState): void {
		this.#state = state;
		this.#events.onStateChange();
	}

	/** The minor protocol version that the process understands. */
	get minor(): number {
		return this.#minor;
	}

	/** Since the first start. */
	get crashes(): number {
		return this.#crashes;
	}

	get isInCrashLoop(): boolean {
		const runsMs =
			this.#state === "running" ? performance.now() - this.#spawnedMs : 0;
		return this.#delay.isCrashLoop(runsMs);
	}

	async start(): Promise<void> {
		if (this.#isWanted) return;
		this.#isWanted = true;
		await this.#listen();
		if (this.#isWanted) this.#spawn();
		else this.#server?.close();
	}

	/** @returns whether the process that was just started sends Hello and keeps running for a while. */
	async staysUp(): Promise<boolean> {
		const child = this.#child;
		if (!child) return false;
		const ended = once(child, "exit").then(() => false);
		const running = once(child, "hello").then(() => true);
		const stillThere = () => delay(trialMs, true, { ref: false });
		return (
			(await Promise.race([ended, running])) &&
			(await Promise.race([ended, stillThere()]))
		);
	}

	/** Asks the process to end, kills it after a timeout, and kills all its children. */
	async stop(): Promise<void> {
		this.#isWanted = false;
		clearTimeout(this.#timer);
		const child = this.#child;
		if (child) {
			const exited = once(child, "exit");
			if (this.#socket) this.send({ mt: "Shutdown" });
			else this.#kill("TERM"); // Not connected, and so it gets no message.
			const timer = setInterval(() => this.#kill(), stopTimeoutMs);
			await exited;
			clearInterval(timer);
		}
		await this.#system.kill(this.#service, undefined, "KILL");
		this.#events.onCrashLoop(false);
		this.#setState("stopped");
		this.#server?.close();
		this.#server = undefined;
	}

	/** Signals the running process. */
	#kill(signal: "TERM" | "KILL" = "KILL"): void {
		this.#system
			.kill(this.#service, this.#child, signal)
			.catch((error) =>
				this.#log.error({ err: error }, "cannot end the service"),
			);
	}

	/** Drops the message if the process is not running: it gets everything after its next Hello. */
	send(message: ToService): void {
		if (this.#socket) writeMessage(this.#socket, message);
	}

	async #listen(): Promise<void> {
		await rm(this.#controlSocket, { force: true });
		const server = createServer((socket) => this.#onConnection(socket));
		server.listen(this.#controlSocket);
		await once(server, "listening");
		// Its directory is open to the manager and the service only.
		await chmod(this.#controlSocket, 0o666);
		this.#server = server;
	}

	#spawn(): void {
		this.#spawnedMs = performance.now();
		this.#messagesInMinute = 0;
		this.#setState("starting");
		const child = this.#system.spawn(this.#service);
		this.#child = child;
		child.once("error", (error) => {
			this.#log.error({ err: error }, "cannot start the service");
			if (child.pid === undefined) child.emit("exit", null, null);
		});
		const hello = setTimeout(() => {
			this.#log.error("the service sends no Hello; killing it");
			this.#kill();
		}, helloTimeoutMs);
		child.once("exit", (code, signal) => {
			clearTimeout(hello);
			this.#onExit(performance.now() - this.#spawnedMs, code, signal);
		});
		child.once("hello", () => clearTimeout(hello));
	}

	#onConnection(socket: Socket): void {
		if (this.#socket || !this.#child) return void socket.destroy();
		this.#socket = socket;
		socket.on("error", () => {}); // `close` follows.
		socket.on("close", () => {
			if (this.#socket !== socket) return;
			this.#socket = undefined;
			// A process without its connection should end by itself.
			const child = this.#child;
			const timer = setTimeout(() => this.#kill(), stopTimeoutMs);
			child?.once("exit", () => clearTimeout(timer));
		});
		readMessages(
			socket,
			toManager,
			(message) => this.#onMessage(message),
			(reason) => {
				this.#log.error({ reason }, "the service violates the protocol");
				this.#kill();
			},
		);
	}

	#onMessage(message: ToManager): void {
		if (this.#isFlooding()) return;
		if (message.mt !== "Hello") {
			if (this.#state === "running") this.#events.onMessage(message);
			return;
		}
		if (message.protocol !== protocolVersion || this.#state !== "starting") {
			this.#log.error(
				{ message },
				"the service uses another protocol version or repeats its Hello",
			);
			return void this.#kill();
		}
		this.#child?.emit("hello");
		this.#minor = message.minor;
		this.#setState("running");
		this.#log.info("the service runs");
		this.#healthTimer = setTimeout(
			() => this.#events.onCrashLoop(false),
			healthyAfterMs,
		);
		this.#events.onReady();
	}

	/** Kills the process at the first message above the limit; messages still in transit are ignored. */
	#isFlooding(): boolean {
		const minute = Math.floor(performance.now() / 60_000);
		if (minute !== this.#minute) this.#messagesInMinute = 0;
		this.#minute = minute;
		this.#messagesInMinute += 1;
		if (this.#messagesInMinute === maxMessagesPerMinute + 1) {
			this.#log.error("the service floods the manager with messages");
			this.#kill();
		}
		return this.#messagesInMinute > maxMessagesPerMinute;
	}

	#onExit(
		ranMs: number,
		code: number | null,
		signal: NodeJS.Signals | null,
	): void {
		clearTimeout(this.#healthTimer);
		this.#child = undefined;
		this.#socket?.destroy();
		this.#socket = undefined;
		this.#events.onExit();
		if (!this.#isWanted) return;
		this.#crashes += 1;
		const delayMs = this.#delay.afterCrash(ranMs);
		this.#setState("waiting");
		this.#log.warn({ code, signal, delayMs }, "the service has ended");
		if (this.isInCrashLoop) this.#events.onCrashLoop(true);
		this.#timer = setTimeout(() => this.#spawn(), delayMs);
	}
}
