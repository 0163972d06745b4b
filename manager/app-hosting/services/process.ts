import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readMessages, writeMessage } from "../../../sdk/messages.ts";
import {
	protocolVersion,
	type ToManager,
	type ToService,
	toManager,
} from "../../../sdk/protocol.ts";
import type { Log } from "../../shared/log.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { healthyMs, RestartDelay } from "./delay.ts";
import { give } from "./ownership.ts";
import type { Service, ServicePlaces } from "./service.ts";

export type ProcessState =
	| "stopped"
	/** Its process is there and has not said Hello yet. */
	| "starting"
	| "running"
	/** It has crashed and is started again in a moment. */
	| "waiting";

/** What a process has to tell. */
export interface ProcessEvents {
	/** It has said Hello and knows no instance yet. */
	ready(): void;
	message(message: ToManager): void;
	/** It is gone; nothing it said counts any more. */
	gone(): void;
	/** It crashes again and again; or it was healthy for a while, or is not wanted any more. */
	crashLoop(isLoop: boolean): void;
}

/** A small device that starts many services at once is busy for long. */
const helloLimitMs = 120_000;
const stopLimitMs = 8_000;
/** One that does not run ends within that time. */
const trialMs = 3_000;
/** More in a minute are no messages but an attack, or a mistake. */
const mostMessagesAMinute = 10_000;

/** One service's process: started, listened to, watched, and started again after a crash. */
export class ServiceProcess {
	readonly #service: Service;
	readonly #places: ServicePlaces;
	readonly #events: ProcessEvents;
	readonly #log: Log;
	readonly #delay = new RestartDelay();
	readonly #controlSocket: string;
	#state: ProcessState = "stopped";
	#wanted = false;
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
		places: ServicePlaces,
		events: ProcessEvents,
		log: Log,
	) {
		this.#service = service;
		this.#places = places;
		this.#events = events;
		this.#log = log.child({ service: service.id });
		this.#controlSocket = join(places.control, `${service.folder}.sock`);
	}

	get state(): ProcessState {
		return this.#state;
	}

	/** What it understands of the protocol beyond its version. */
	get minor(): number {
		return this.#minor;
	}

	/** Since it was first started. */
	get crashes(): number {
		return this.#crashes;
	}

	get isInCrashLoop(): boolean {
		const runsMs =
			this.#state === "running" ? performance.now() - this.#spawnedMs : 0;
		return this.#delay.isLoop(runsMs);
	}

	async start(): Promise<void> {
		if (this.#wanted) return;
		this.#wanted = true;
		await this.#listen();
		if (this.#wanted) this.#spawn();
		else this.#server?.close();
	}

	/** @returns whether the process that was just started says Hello and goes on for a while. */
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

	/** Asks it to end, kills it when it does not, and what it has left behind in any case. */
	async stop(): Promise<void> {
		this.#wanted = false;
		clearTimeout(this.#timer);
		const child = this.#child;
		if (child) {
			const exited = once(child, "exit");
			if (this.#socket) this.send({ mt: "Shutdown" });
			else child.kill(); // It has not said Hello, and hears nothing.
			const timer = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
			await exited;
			clearTimeout(timer);
		}
		await this.#killGroup();
		this.#events.crashLoop(false);
		this.#state = "stopped";
		this.#server?.close();
		this.#server = undefined;
	}

	/** Its children too; where there is no such group, there are no limits either. */
	async #killGroup(): Promise<void> {
		const group = join(this.#places.controlGroups, this.#service.folder);
		await writeFile(join(group, "cgroup.kill"), "1").catch(
			(error: NodeJS.ErrnoException) => {
				if (error.code !== "ENOENT") throw error;
			},
		);
	}

	/** Nothing is sent while it does not run: it learns all at its next Hello. */
	send(message: ToService): void {
		if (this.#socket) writeMessage(this.#socket, message);
	}

	async #listen(): Promise<void> {
		await makeFolder(this.#places.control, 0o711);
		await rm(this.#controlSocket, { force: true });
		const server = createServer((socket) => this.#connected(socket));
		server.listen(this.#controlSocket);
		await once(server, "listening");
		await give(this.#controlSocket, this.#service.uid);
		await chmod(this.#controlSocket, 0o600);
		this.#server = server;
	}

	#spawn(): void {
		const { apps, logs, runCommand } = this.#places;
		const { folder, binary, uid, id } = this.#service;
		const program = join(apps, folder, binary);
		this.#spawnedMs = performance.now();
		this.#messagesInMinute = 0;
		this.#state = "starting";
		const child = spawn(
			runCommand,
			[
				...[folder, String(uid), join(logs, folder), program],
				...[`--manager=${this.#controlSocket}`, `--service=${id}`],
			],
			{
				cwd: join(apps, folder),
				stdio: "ignore",
				env: {
					PATH: process.env.PATH,
					LANG: "C.UTF-8",
					NODE_ENV: "production",
				},
			},
		);
		this.#child = child;
		child.once("error", (error) => {
			this.#log.error({ err: error }, "the service cannot be started");
			if (child.pid === undefined) child.emit("exit", null, null);
		});
		const hello = setTimeout(() => {
			this.#log.error("the service says nothing, it is killed");
			child.kill("SIGKILL");
		}, helloLimitMs);
		child.once("exit", (code, signal) => {
			clearTimeout(hello);
			this.#ended(performance.now() - this.#spawnedMs, code, signal);
		});
		child.once("hello", () => clearTimeout(hello));
	}

	#connected(socket: Socket): void {
		if (this.#socket || !this.#child) return void socket.destroy();
		this.#socket = socket;
		socket.on("error", () => {}); // `close` follows.
		socket.on("close", () => {
			if (this.#socket !== socket) return;
			this.#socket = undefined;
			// It cannot be told anything any more, and should end by itself.
			const child = this.#child;
			const timer = setTimeout(() => child?.kill("SIGKILL"), stopLimitMs);
			child?.once("exit", () => clearTimeout(timer));
		});
		readMessages(
			socket,
			toManager,
			(message) => this.#said(message),
			(reason) => {
				this.#log.error({ reason }, "the service breaks the protocol");
				this.#child?.kill("SIGKILL");
			},
		);
	}

	#said(message: ToManager): void {
		if (this.#floods()) return;
		if (message.mt !== "Hello") {
			if (this.#state === "running") this.#events.message(message);
			return;
		}
		if (message.protocol !== protocolVersion || this.#state !== "starting") {
			this.#log.error({ message }, "the service speaks another protocol");
			return void this.#child?.kill("SIGKILL");
		}
		this.#child?.emit("hello");
		this.#minor = message.minor;
		this.#state = "running";
		this.#log.info("the service runs");
		this.#healthTimer = setTimeout(
			() => this.#events.crashLoop(false),
			healthyMs,
		);
		this.#events.ready();
	}

	/** The first message that is too much is its end; those on the way count no more. */
	#floods(): boolean {
		const minute = Math.floor(performance.now() / 60_000);
		if (minute !== this.#minute) this.#messagesInMinute = 0;
		this.#minute = minute;
		this.#messagesInMinute += 1;
		if (this.#messagesInMinute === mostMessagesAMinute + 1) {
			this.#log.error("the service floods the manager with messages");
			this.#child?.kill("SIGKILL");
		}
		return this.#messagesInMinute > mostMessagesAMinute;
	}

	#ended(
		ranMs: number,
		code: number | null,
		signal: NodeJS.Signals | null,
	): void {
		clearTimeout(this.#healthTimer);
		this.#child = undefined;
		this.#socket?.destroy();
		this.#socket = undefined;
		this.#events.gone();
		if (!this.#wanted) return;
		this.#crashes += 1;
		const delayMs = this.#delay.after(ranMs);
		this.#state = "waiting";
		this.#log.warn({ code, signal, delayMs }, "the service has ended");
		if (this.isInCrashLoop) this.#events.crashLoop(true);
		this.#timer = setTimeout(() => this.#spawn(), delayMs);
	}
}
