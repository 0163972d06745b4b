import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { type DatabaseServer, openDatabaseSocket } from "./database-socket.ts";

const openLimitMs = 10_000;

/**
 * What `pg` takes for its socket, as its option `stream`. That option of `pg` which is for TLS
 * knows no `prefer`; here TLS is agreed on before `pg` says its first word.
 */
export class DatabaseStream extends Duplex {
	readonly #server: DatabaseServer;
	readonly #mostBytes: number;
	readonly #opening = new AbortController();
	#socket: Socket | undefined;
	#receivedBytes = 0;
	/** What waits for the socket. */
	#write: (() => void) | undefined;

	/** @param mostBytes from the server; it is cut off after them. */
	constructor(server: DatabaseServer, mostBytes = Number.POSITIVE_INFINITY) {
		super({ allowHalfOpen: false });
		this.#server = server;
		this.#mostBytes = mostBytes;
	}

	get usesTls(): boolean {
		return this.#socket instanceof TLSSocket;
	}

	/** `pg` calls it, with what it knows itself; the server is ours. */
	connect(): this {
		const timer = setTimeout(() => this.#opening.abort(), openLimitMs);
		openDatabaseSocket(this.#server, this.#opening.signal)
			.then(
				(socket) => this.#use(socket),
				(error) => this.destroy(error),
			)
			.finally(() => clearTimeout(timer));
		return this;
	}

	// What else `pg` expects of a socket.
	setNoDelay(): this {
		return this;
	}
	setKeepAlive(): this {
		this.#socket?.setKeepAlive(true);
		return this;
	}
	ref(): void {
		this.#socket?.ref();
	}
	unref(): void {
		this.#socket?.unref();
	}

	override _read(): void {
		this.#socket?.resume();
	}

	override _write(
		chunk: Buffer,
		_encoding: BufferEncoding,
		done: (error?: Error | null) => void,
	): void {
		this.#write = () => {
			this.#write = undefined;
			this.#socket?.write(chunk, done);
		};
		if (this.#socket) this.#write();
	}

	override _final(done: () => void): void {
		if (this.#socket) this.#socket.end(done);
		else done();
	}

	override _destroy(
		error: Error | null,
		done: (error: Error | null) => void,
	): void {
		this.#opening.abort();
		this.#socket?.destroy();
		done(error);
	}

	#use(socket: Socket): void {
		if (this.destroyed) return void socket.destroy();
		this.#socket = socket;
		socket.on("data", (chunk: Buffer) => {
			this.#receivedBytes += chunk.length;
			if (this.#receivedBytes > this.#mostBytes)
				this.destroy(new Error("The server does not stop talking"));
			else if (!this.push(chunk)) socket.pause();
		});
		socket.on("end", () => this.push(null));
		socket.on("error", (error) => this.destroy(error));
		socket.on("close", () => {
			if (!socket.readableEnded) this.destroy();
		});
		socket.resume(); // It was stopped after its answer on TLS.
		this.emit("connect");
		this.#write?.();
	}
}
