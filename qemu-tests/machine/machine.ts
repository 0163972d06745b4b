import {
	existsSync,
	mkdirSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Agent, fetch, type RequestInit, type Response } from "undici";
import WebSocket from "ws";
import { acceleration } from "./acceleration.ts";
import type { DirectBoot, Hardware } from "./arguments.ts";
import { kernelOfImage } from "./boot-files.ts";
import { logDirectory } from "./build-output.ts";
import { temporaryDirectory } from "./cleanup.ts";
import type { Console } from "./console.ts";
import { startContainer } from "./container/container.ts";
import type { Bridge, Lan, LinkFaults, Port } from "./container/lan.ts";
import type { Disk, DiskFile } from "./disks.ts";
import { startEmulator } from "./emulator.ts";
import { createVariables, type Firmware } from "./firmware.ts";
import type { GuestAgent } from "./guest-agent.ts";
import type { Qmp } from "./qmp.ts";
import type { Run } from "./run.ts";
import { type Credentials, Ssh } from "./ssh.ts";
import { targets } from "./targets.ts";
import { eventually, within } from "./time.ts";

export type MachineOptions = Partial<Hardware> & {
	/** Used in the name of the log file; words and hyphens. */
	name: string;
	disks?: readonly Disk[];
	/** If given, the machine is a container on this host's kernel, in this network. */
	lan?: Lan;
};

/** The guest's ports for HTTPS: of apps and the API, and of the manager alone. */
const httpsPorts = { https: 443, manager: 444 } as const;

const defaults = {
	firmware: "bios",
	cpus: 1,
	canGrow: false,
	ports: [22, 80, ...Object.values(httpsPorts)],
	hostServices: [],
	isOnline: false,
} as const;

// Guests have self-signed certificates.
const anyCertificate = new Agent({ connect: { rejectUnauthorized: false } });

/**
 * A machine that QEMU emulates, or a container. Its disks persist when it is switched off and on again. `discard`, or
 * the end of this process, removes everything except the serial log.
 */
export class Machine {
	readonly name: string;
	readonly hardware: Hardware;
	/** Everything that the guest wrote to its serial console, across all boots. */
	readonly serialLog: string;
	readonly #orderedDisks: readonly Disk[];
	readonly #directory = temporaryDirectory();
	#disks: DiskFile[] | undefined;
	/** The bridges of a container's cards, in the order in which its kernel finds the cards at the next boot. */
	cards: readonly Bridge[] = ["lan"];
	readonly #plug: { lan: Lan; port: Port } | undefined;
	#run: Run | undefined;

	constructor({
		name,
		disks = [],
		lan,
		target = "x86_64",
		...hardware
	}: MachineOptions) {
		if (target !== "x86_64" && (hardware.firmware ?? "bios") !== "bios")
			throw new Error("Only x86_64 has UEFI firmware");
		this.name = name;
		this.#plug = lan && { lan, port: lan.newPort() };
		this.hardware = {
			...defaults,
			...targets[target].usual,
			...hardware,
			target,
		};
		this.serialLog = join(logDirectory, `${name}.serial.log`);
		this.#orderedDisks = disks;
		mkdirSync(dirname(this.serialLog), { recursive: true });
		rmSync(this.serialLog, { force: true });
	}

	/** Switches the machine on, or resumes a snapshot on its disks. */
	async boot({
		snapshot,
		directBoot,
	}: {
		snapshot?: string;
		directBoot?: DirectBoot;
	} = {}): Promise<void> {
		if (this.#run) throw new Error(`${this.name} is already on`);
		const run = await (this.#plug
			? this.#startContainer(this.#plug)
			: this.#startEmulator(snapshot, directBoot));
		this.#run = run;
		run.ended.then(() => {
			if (this.#run === run) this.#run = undefined;
		});
	}

	async #startEmulator(
		snapshot?: string,
		directBoot?: DirectBoot,
	): Promise<Run> {
		const { target } = this.hardware;
		return startEmulator(
			this.hardware,
			{
				name: this.name,
				acceleration: await acceleration(target, () => kernelOfImage(target)),
				disks: (await this.disks()).map(prepareWriteLog),
				serialLog: this.serialLog,
				firmwareVariables: await this.#firmwareVariables(),
				snapshot,
				directBoot,
			},
			this.#directory.path,
		);
	}

	/** The variables persist when the machine is switched off and on again, as in flash memory. */
	async #firmwareVariables(): Promise<string | undefined> {
		const { firmware } = this.hardware;
		if (firmware === "bios") return undefined;
		const path = join(this.#directory.path, `${firmware}-variables`);
		if (!existsSync(path)) await createVariables(firmware, path);
		return path;
	}

	/** Replaces the firmware, as in the settings of a hypervisor. The machine must be off. */
	setFirmware(firmware: Firmware): void {
		this.hardware.firmware = firmware;
	}

	async #startContainer(plug: { lan: Lan; port: Port }): Promise<Run> {
		const [disk] = await this.disks();
		if (disk?.format !== "raw")
			throw new Error("A container needs one disk in raw format");
		return startContainer(
			this.hardware,
			{
				...{ disk: disk.path, serialLog: this.serialLog, ...plug },
				cards: this.cards,
			},
			this.#directory.path,
		);
	}

	/** The disks' files, created by the first call. Do not open them while the machine runs. */
	async disks(): Promise<DiskFile[]> {
		this.#disks ??= await Promise.all(
			this.#orderedDisks.map((disk, index) =>
				disk(this.#directory.path, `disk${index}`),
			),
		);
		return this.#disks;
	}

	/** The serial console. */
	get console(): Console {
		return this.#part("console");
	}

	get qmp(): Qmp {
		return this.#part("qmp");
	}

	/** QEMU's guest agent, on the channel of the hardware. */
	get agent(): GuestAgent {
		return this.#part("agent");
	}

	/** Returns the port of 127.0.0.1 that is forwarded to this guest port. */
	port(guestPort: number): number {
		return this.#running.portOf(guestPort);
	}

	/** Returns the base of URLs to the guest, without a trailing slash; "manager" is HTTPS to the manager's own port. */
	url(server: "http" | keyof typeof httpsPorts): string {
		if (server === "http") return `http://127.0.0.1:${this.port(80)}`;
		return `https://127.0.0.1:${this.port(httpsPorts[server])}`;
	}

	/** Adds a forward from 127.0.0.1 to a guest whose address is not the one from DHCP. */
	async forward(guestAddress: string, guestPort: number): Promise<number> {
		return this.#running.forward(guestAddress, guestPort);
	}

	/** Logs in by SSH as soon as the guest accepts connections. @throws Error when the password is refused. */
	async ssh(
		user: string,
		password: string,
		{ timeoutMs = 120_000, port = this.port(22) } = {},
	): Promise<Ssh> {
		const credentials: Credentials = { user, password };
		return eventually(
			`SSH to ${this.name}`,
			() => Ssh.connect(port, credentials),
			{ timeoutMs },
		);
	}

	/** Sends a request to a URL of `url` without following redirects; accepts any certificate. */
	async fetch(
		server: "http" | keyof typeof httpsPorts,
		path: string,
		options: RequestInit = {},
	): Promise<Response> {
		return fetch(this.url(server) + path, {
			dispatcher: anyCertificate,
			redirect: "manual",
			...options,
		});
	}

	/** Returns a WebSocket to a path of the guest, not yet open. */
	websocket(
		path: string,
		headers: Record<string, string> = {},
		server: keyof typeof httpsPorts = "https",
	): WebSocket {
		return new WebSocket(this.url(server).replace("https", "wss") + path, {
			rejectUnauthorized: false,
			headers,
		});
	}

	/** Cuts the power: nothing more is written. The log of a recorded disk is then complete. */
	async cutPower(): Promise<void> {
		const isRecorded = this.#disks?.some(({ writeLog }) => writeLog);
		await this.#run?.kill(isRecorded ? "SIGTERM" : "SIGKILL");
	}

	/** Connects or disconnects the network cable of a container. */
	async plug(direction: "in" | "out"): Promise<void> {
		const { lan, port } = this.#connection;
		await lan.setLink(port, direction === "in" ? "up" : "down");
	}

	/** Makes the network connection of a container slow or lossy; `{}` makes it good again. */
	async setLinkFaults(faults: LinkFaults): Promise<void> {
		const { lan, port } = this.#connection;
		await lan.setFaults(port, faults);
	}

	get #connection(): { lan: Lan; port: Port } {
		if (!this.#plug) throw new Error(`${this.name} is no container`);
		return this.#plug;
	}

	/** Presses the reset button. */
	async reset(): Promise<void> {
		await this.#running.reset();
	}

	/** Presses the power button and waits until the guest has switched itself off. */
	async shutdown({ timeoutMs = 120_000 } = {}): Promise<void> {
		await this.#running.pressPowerButton();
		await this.waitForPowerOff({ timeoutMs });
	}

	/** Waits until the guest has restarted by itself since the last call. */
	async waitForReboot({ timeoutMs = 180_000 } = {}): Promise<void> {
		await this.#running.nextRestart(timeoutMs);
	}

	/** Resolves when the machine is off. */
	get off(): Promise<void> {
		return this.#run?.ended ?? Promise.resolve();
	}

	async waitForPowerOff({ timeoutMs = 120_000 } = {}): Promise<void> {
		await within(
			`${this.name} switches itself off`,
			timeoutMs,
			this.#running.ended,
		);
	}

	/** Saves memory and disks under a name. All disks must be qcow2. */
	async saveSnapshot(name: string): Promise<void> {
		await this.#snapshotCommand(`savevm ${name}`);
	}

	/** Restores a snapshot; connections into the guest are lost. */
	async loadSnapshot(name: string): Promise<void> {
		await this.#snapshotCommand(`loadvm ${name}`);
	}

	/** Saves the VGA screen as a PNG file. */
	async screenshot(path: string): Promise<void> {
		mkdirSync(dirname(path), { recursive: true });
		await this.qmp.execute("screendump", { filename: path, format: "png" });
	}

	/** Cuts the power and removes the disks. */
	async discard(): Promise<void> {
		await this.cutPower();
		this.#directory.remove();
	}

	async #snapshotCommand(command: string): Promise<void> {
		const complaint = await this.qmp.monitor(command);
		if (complaint.trim()) throw new Error(`${command}: ${complaint.trim()}`);
	}

	get #running(): Run {
		if (!this.#run) throw new Error(`${this.name} is off`);
		return this.#run;
	}

	#part<Name extends "console" | "qmp" | "agent">(
		name: Name,
	): NonNullable<Run[Name]> {
		const part = this.#running[name];
		if (!part) throw new Error(`${this.name} has no ${name}`);
		return part;
	}
}

/** Appends to the log of an earlier boot. QEMU requires the file of a new log to exist. */
function prepareWriteLog(disk: DiskFile): DiskFile {
	const { writeLog } = disk;
	if (!writeLog) return disk;
	const appendToLog = existsSync(writeLog) && statSync(writeLog).size > 0;
	if (!appendToLog) writeFileSync(writeLog, "");
	return { ...disk, appendToLog };
}
