import { connect, type Socket } from "node:net";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { AppInstance } from "./instance.ts";
import { readMessages, writeMessage } from "./lines.ts";
import {
	type InstanceArguments,
	protocolMinor,
	protocolVersion,
	type ToManager,
	toService,
} from "./protocol.ts";
import { Told } from "./told.ts";

/** What an app does when one of its instances starts, before it answers anybody. */
export type StartInstance = (instance: AppInstance) => Promise<void> | void;

/** What a service knows beyond its instances. */
export interface RunningService {
	/** PEM of what the web server sends, its own certificate first; undefined until it is known. */
	readonly certificates: string | undefined;
	/** By which people reach this machine, where it has one. */
	readonly dnsName: string | undefined;
	/** Called as soon as they are known, and after each change. */
	onCertificateChanged(listener: (certificates: string) => void): void;
	/** The same. */
	onDnsNameChanged(listener: (dnsName: string | undefined) => void): void;
}

/**
 * Runs a service for the manager that has started this process, until the manager says that
 * it shall end, or is gone.
 */
export function runService(startInstance: StartInstance): RunningService {
	const { values } = parseArgs({
		options: { manager: { type: "string" }, service: { type: "string" } },
	});
	if (values.manager === undefined) {
		console.error(
			`${basename(process.argv[1] ?? "this")} is a service of App Platform: the manager starts it, with --manager=SOCKET`,
		);
		process.exit(2);
	}
	// One instance's mistake must not end the others.
	process.on("unhandledRejection", (error) => console.error(error));
	// What is created by the service is for it and the web server.
	process.umask(0o007);
	const service = new Service(startInstance, connect(values.manager));
	service.say({
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
	readonly #certificates = new Told<string>();
	readonly #dnsName = new Told<string | undefined>();
	#turn: Promise<void> = Promise.resolve();

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
						return this.#inTurn(() => this.#start(message.instance));
					case "StopInstance":
						return this.#inTurn(() => this.#stop(message));
					case "SetLogFlags":
						this.#instances.get(keyOf(message))?.setLogFlags(message.logFlags);
						return;
					case "Shutdown":
						return this.#inTurn(() => this.#end());
					case "CertificateChanged":
						return this.#certificates.set(message.certificates);
					case "DnsNameChanged":
						return this.#dnsName.set(message.dnsName);
				}
			},
			(reason) => {
				console.error(`The manager sends ${reason}`);
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
		this.#certificates.follow(listener);
	}

	onDnsNameChanged(listener: (dnsName: string | undefined) => void): void {
		this.#dnsName.follow(listener);
	}

	say(message: ToManager): void {
		writeMessage(this.#manager, message);
	}

	async #start(given: InstanceArguments): Promise<void> {
		const { name, domain } = given;
		await this.#close(given);
		const instance = new AppInstance(given, (message) => this.say(message));
		try {
			await this.#startInstance(instance);
			await instance.listen();
			this.#instances.set(keyOf(given), instance);
			this.say({ mt: "InstanceState", name, domain, state: "running" });
		} catch (error) {
			const text = error instanceof Error ? error.message : String(error);
			instance.log(`does not start: ${text}`);
			await instance.close();
			this.say({
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
		this.say({ mt: "InstanceState", name, domain, state: "stopped" });
	}

	async #close(key: { name: string; domain: string }): Promise<void> {
		const instance = this.#instances.get(keyOf(key));
		this.#instances.delete(keyOf(key));
		await instance?.close();
	}

	async #end(): Promise<void> {
		for (const { arguments: given } of [...this.#instances.values()])
			await this.#close(given);
		process.exit(0);
	}

	/** One after the other: a stop must not overtake the start before it. */
	#inTurn(work: () => Promise<void>): void {
		this.#turn = this.#turn.then(work).catch((error) => {
			console.error(error);
			process.exit(1); // The manager starts it afresh.
		});
	}
}

function keyOf({ name, domain }: { name: string; domain: string }): string {
	return `${name}@${domain}`;
}
