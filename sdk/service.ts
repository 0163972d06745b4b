import { connect, type Socket } from "node:net";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { AppInstance } from "./instance.ts";
import { readMessages, writeMessage } from "./messages.ts";
import {
	type InstanceArguments,
	protocolMinor,
	protocolVersion,
	type ToManager,
	toService,
} from "./protocol.ts";

/** Prepares an instance at its start, before it answers requests. */
export type StartInstance = (instance: AppInstance) => Promise<void> | void;

/** The state of a service beyond its instances. */
export interface RunningService {
	/** PEM of the chain that the web server sends, its own certificate first; undefined until known. */
	readonly certificates: string | undefined;
	/** By which clients reach this machine; undefined if none is set. */
	readonly dnsName: string | undefined;
	/** Calls the listener as soon as the certificates are known, and after each change. */
	onCertificateChanged(listener: (certificates: string) => void): void;
	/** Calls the listener as soon as the DNS name is known, and after each change. */
	onDnsNameChanged(listener: (dnsName: string | undefined) => void): void;
}

/**
 * Runs a service for the manager that started this process, until the manager sends Shutdown or
 * disconnects.
 */
export function runService(startInstance: StartInstance): RunningService {
	const { values } = parseArgs({
		options: { manager: { type: "string" }, service: { type: "string" } },
	});
	if (values.manager === undefined) {
		console.error(
			`${basename(process.argv[1] ?? "this")} is a service of App Platform. The manager starts it with --manager=SOCKET`,
		);
		process.exit(2);
	}
	// An error in one instance must not end the others.
	process.on("unhandledRejection", (error) => console.error(error));
	// Files and sockets of the service are for itself and the web server (its group).
	process.umask(0o007);
	const service = new Service(startInstance, connect(values.manager));
	service.send({
		mt: "Hello",
		protocol: protocolVersion,
		minor: protocolMinor,
		service: values.service ?? "",
	});
	return service;
}

class Service implements RunningService {
	readonly #startInstance: StartInstance;
	readonly #manager: Socket;
	readonly #instances = new Map<string, AppInstance>();
	readonly #certificates = new Observable<string>();
	readonly #dnsName = new Observable<string | undefined>();
	#queue: Promise<void> = Promise.resolve();

	constructor(startInstance: StartInstance, manager: Socket) {
		this.#startInstance = startInstance;
		this.#manager = manager;
		manager.on("error", () => {}); // `close` follows.
		manager.on("close", () => process.exit(0));
		readMessages(
			manager,
			toService,
			(message) => {
				switch (message.mt) {
					case "StartInstance":
						return this.#enqueue(() => this.#start(message.instance));
					case "StopInstance":
						return this.#enqueue(() => this.#stop(message));
					case "SetLogFlags":
						this.#instances.get(keyOf(message))?.setLogFlags(message.logFlags);
						return;
					case "Shutdown":
						return this.#enqueue(() => this.#shutDown());
					case "CertificateChanged":
						return this.#certificates.set(message.certificates);
					case "DnsNameChanged":
						return this.#dnsName.set(message.dnsName);
				}
			},
			(reason) => {
				console.error(`Connection to the manager failed: received ${reason}`);
				process.exit(1);
			},
		);
	}

	get certificates(): string | undefined {
		return this.#certificates.value;
	}

	get dnsName(): string | undefined {
		return this.#dnsName.value;
	}

	onCertificateChanged(listener: (certificates: string) => void): void {
		this.#certificates.subscribe(listener);
	}

	onDnsNameChanged(listener: (dnsName: string | undefined) => void): void {
		this.#dnsName.subscribe(listener);
	}

	send(message: ToManager): void {
		writeMessage(this.#manager, message);
	}

	async #start(given: InstanceArguments): Promise<void> {
		const { name, domain } = given;
		await this.#close(given);
		const instance = new AppInstance(given, (message) => this.send(message));
		try {
			await this.#startInstance(instance);
			await instance.listen();
			this.#instances.set(keyOf(given), instance);
			this.send({ mt: "InstanceState", name, domain, state: "running" });
		} catch (error) {
			const text = error instanceof Error ? error.message : String(error);
			instance.log(`failed to start: ${text}`);
			await instance.close();
			this.send({
				mt: "InstanceState",
				name,
				domain,
				state: "failed",
				text: text.slice(0, 500),
			});
		}
	}

	async #stop(key: { name: string; domain: string }): Promise<void> {
		await this.#close(key);
		const { name, domain } = key;
		this.send({ mt: "InstanceState", name, domain, state: "stopped" });
	}

	async #close(key: { name: string; domain: string }): Promise<void> {
		const instance = this.#instances.get(keyOf(key));
		this.#instances.delete(keyOf(key));
		await instance?.close();
	}

	async #shutDown(): Promise<void> {
		for (const { arguments: given } of [...this.#instances.values()])
			await this.#close(given);
		process.exit(0);
	}

	/** Runs work in the order of the messages: a stop must not overtake the start before it. */
	#enqueue(work: () => Promise<void>): void {
		this.#queue = this.#queue.then(work).catch((error) => {
			console.error(error);
			process.exit(1); // The manager restarts the service.
		});
	}
}

function keyOf({ name, domain }: { name: string; domain: string }): string {
	return `${name}@${domain}`;
}

/** A value that changes: subscribers get the current one and each later one. */
class Observable<Value> {
	#current: { value: Value } | undefined;
	readonly #listeners: ((value: Value) => void)[] = [];

	/** Undefined until the first `set`. */
	get value(): Value | undefined {
		return this.#current?.value;
	}

	/** Calls the listener with the current value, if there is one, and at every `set`. */
	subscribe(listener: (value: Value) => void): void {
		this.#listeners.push(listener);
		if (this.#current) notify(listener, this.#current.value);
	}

	set(value: Value): void {
		this.#current = { value };
		for (const listener of this.#listeners) notify(listener, value);
	}
}

/** Logs what a listener throws, so that the others are still called. */
function notify<Value>(listener: (value: Value) => void, value: Value): void {
	try {
		listener(value);
	} catch (error) {
		console.error(error);
	}
}
