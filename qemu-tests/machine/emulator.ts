import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Hardware, qemuArguments, type Wiring } from "./arguments.ts";
import { type Channel, openChannel } from "./channel.ts";
import { atExit } from "./cleanup.ts";
import { Console } from "./console.ts";
import { GuestAgent } from "./guest-agent.ts";
import { Qmp } from "./qmp.ts";
import type { Run } from "./run.ts";
import { targets } from "./targets.ts";
import { within } from "./time.ts";

/** One run of QEMU. */
export interface Emulator extends Run {
	qmp: Qmp;
	/** On SIGTERM, QEMU first writes out its own data about the disks. */
	kill(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
}

/** Switches the machine on. @param directory for the sockets. */
export async function startEmulator(
	hardware: Hardware,
	wiring: Omit<Wiring, "sockets">,
	directory: string,
): Promise<Emulator> {
	const [qmpChannel, consoleChannel, agentChannel] = await Promise.all([
		newChannel(directory, "qmp"),
		newChannel(directory, "console"),
		newChannel(directory, "agent"),
	]);
	const sockets = {
		qmp: qmpChannel.path,
		console: consoleChannel.path,
		agent: agentChannel.path,
	};
	const child = spawnQemu(
		targets[hardware.target].emulator,
		qemuArguments(hardware, { ...wiring, sockets }),
	);
	const forget = atExit(() => child.kill("SIGKILL"));
	const ended = once(child, "close").then(() => {
		forget();
		for (const channel of [qmpChannel, consoleChannel, agentChannel])
			channel.close();
	});
	const { failed, complaint } = watch(child);

	try {
		const connected = (channel: Channel) =>
			within("QEMU's start", 30_000, Promise.race([channel.connected, failed]));
		const console =
			hardware.guestAgent === "isa"
				? undefined
				: new Console(await connected(consoleChannel));
		const agent =
			hardware.guestAgent === "none"
				? undefined
				: new GuestAgent(await connected(agentChannel));
		const qmp = new Qmp(await connected(qmpChannel));
		await Promise.race([qmp.negotiate(), failed]);
		const ports = hostPorts(await qmp.monitor("info usernet"));
		return {
			qmp,
			console,
			agent,
			portOf(guestPort) {
				const port = ports.get(guestPort);
				if (port === undefined)
					throw new Error(`Port ${guestPort} of the guest is not forwarded`);
				return port;
			},
			async forward(guestAddress, guestPort) {
				const before = await qmp.monitor("info usernet");
				await qmp.monitor(
					`hostfwd_add net tcp:127.0.0.1:0-${guestAddress}:${guestPort}`,
				);
				const after = await qmp.monitor("info usernet");
				const known = new Set(before.split("\n"));
				const added = after.split("\n").filter((line) => !known.has(line));
				const port = hostPorts(added.join("\n")).get(guestPort);
				if (port === undefined)
					throw new Error(`No forward to ${guestAddress}:${guestPort}`);
				return port;
			},
			async reset() {
				await qmp.execute("system_reset");
				await qmp.nextEvent("RESET", 10_000);
			},
			async pressPowerButton() {
				await qmp.execute("system_powerdown");
			},
			async nextRestart(timeoutMs) {
				await qmp.nextEvent("RESET", timeoutMs);
			},
			ended,
			async kill(signal = "SIGKILL") {
				child.kill(signal);
				await ended;
			},
		};
	} catch (error) {
		child.kill("SIGKILL");
		await ended;
		throw new Error(`QEMU did not start: ${complaint()}`, { cause: error });
	}
}

// The kernel kills QEMU when this process dies, even by SIGKILL.
function spawnQemu(emulator: string, parameters: string[]): ChildProcess {
	return spawn("setpriv", ["--pdeathsig", "KILL", emulator, ...parameters], {
		stdio: ["ignore", "ignore", "pipe"],
	});
}

/** `failed` rejects when QEMU exits; `complaint` returns its standard error. */
function watch(child: ChildProcess): {
	failed: Promise<never>;
	complaint(): string;
} {
	let complaint = "";
	child.stderr?.on("data", (chunk: Buffer) => {
		complaint += chunk.toString("utf8");
	});
	const failed = new Promise<never>((_, reject) => {
		child.on("error", reject);
		child.on("close", () => reject(new Error("QEMU has ended")));
	});
	// Most machines end long after their start, when nothing awaits this any longer.
	failed.catch(() => {});
	return { failed, complaint: () => complaint };
}

async function newChannel(directory: string, name: string): Promise<Channel> {
	const path = join(directory, `${name}.socket`);
	await rm(path, { force: true });
	return openChannel(path);
}

/** Parses QEMU's table of forwards: protocol, fd, host address, port, guest address, port. */
export function hostPorts(infoUsernet: string): Map<number, number> {
	const rows = infoUsernet.matchAll(
		/TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/g,
	);
	return new Map(
		[...rows].map(([, host, guest]) => [Number(guest), Number(host)]),
	);
}
