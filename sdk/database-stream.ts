import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { type DatabaseServer, openDatabaseSocket } from "./database-socket.ts";

const openTimeoutMs = 10_000;

/**
 * The socket for `pg`, as its option `stream`. The TLS option of `pg` has no `prefer`; here TLS is
 * negotiated before `pg` sends its first byte.
 */
export class DatabaseStream extends Duplex {
	readonly #server: DatabaseServer;
	readonly #maxBytes: number;
	readonly #opening = new AbortController();
	#socket: Socket | undefined;
	#receivedBytes = 0;
	/** The write that waits for the socket. */
	#pendingWrite: (() => void) | undefined;

	/** @param maxBytes from the server; beyond them the stream fails. */
	constructor(server: DatabaseServer, maxBytes = Number.POSITIVE_INFINITY) {
		super({ allowHalfOpen: false });
		this.#server = server;
		this.#maxBytes = maxBytes;
	}

	get usesTls(): boolean {
		return this.#socket instanceof TLSSocket;
	}

	/** `pg` calls it with its own port and host, which are ignored. */
	connect(): this {
		const timer = setTimeout(() => this.#opening.abort(), openTimeoutMs);
		openDatabaseSocket(this.#server, this.#opening.signal)
			.then(
				(socket) => this.#use(socket),
				(error) => this.destroy(error),
			)
			.finally(() => clearTimeout(timer));
		return this;
	}

	// The methods of a socket that `pg` calls.
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
		this.#pendingWrite = () => {
			this.#pendingWrite = undefined;
			this.#socket?.write(chunk, done);
		};
		if (this.#socket) this.#pendingWrite();
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
			if (this.#receivedBytes > this.#maxBytes)
				this.destroy(
					new Error(`The server sent more than ${this.#maxBytes} bytes`),
				);
			else if (!this.push(chunk)) socket.pause();
		});
		socket.on("end", () => this.push(null));
		socket.on("error", (error) => this.destroy(error));
		socket.on("close", () => {
			if (!socket.readableEnded) this.destroy();
		});
		socket.resume(); // It was paused after the answer to the SSLRequest.
		this.emit("connect");
		this.#pendingWrite?.();
	}
}
