import { spawn } from "node:child_process";
import {
	closeSync,
	constants,
	createWriteStream,
	openSync,
	realpathSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { $ } from "zx";
import { forwardOf, type Hardware } from "../arguments.ts";
import { openChannel } from "../channel.ts";
import { atExit } from "../cleanup.ts";
import { Console } from "../console.ts";
import type { Run } from "../run.ts";
import { within } from "../time.ts";
import {
	makeControlGroup,
	removeControlGroup,
	sweepLeftovers,
} from "./host.ts";
import type { Bridge, Lan, Port } from "./lan.ts";

const startScript = fileURLToPath(new URL("start.sh", import.meta.url));

/** The signal that makes the image's init, busybox, power off. */
const powerOffSignal = "USR2";

/** Capabilities over the host's clock, kernel modules and kernel log. */
const droppedCapabilities =
	"-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm";

const commandLine = "root=/dev/sda3 slot=a console=ttyS0";

/**
 * Starts the installed system of a disk in Linux namespaces on this host's kernel, with its own init, init scripts,
 * services and users. `unshare` (util-linux) creates the namespaces: it runs any init and needs no daemon, and the
 * kernel frees everything when it ends, even when this process is killed. `container/rootfs` has the files that differ
 * from the image.
 */
export async function startContainer(
	{ ports, hostServices, memoryMB }: Hardware,
	{
		disk,
		serialLog,
		lan,
		port,
		cards,
	}: {
		disk: string;
		serialLog: string;
		lan: Lan;
		port: Port;
		cards: readonly Bridge[];
	},
	directory: string,
): Promise<Run> {
	await sweepLeftovers();
	const network = await lan.start();
	for (const service of hostServices) await lan.offer(service);
	const forwards = new Map<number, number>();
	for (const { guest, host } of ports.map(forwardOf))
		forwards.set(guest, await lan.forward(port.address, guest, host));

	const group = await makeControlGroup(basename(directory));
	const terminal = await openTerminal(directory, serialLog);
	const restarts = new RestartCounter();
	let machine = powerOn();
	let isReset = false;
	const ended = new Promise<void>((resolve) => {
		const onExit = (signal: NodeJS.Signals | null) => {
			// The kernel ends a PID namespace with SIGHUP on reboot().
			if (signal !== "SIGHUP" && !isReset) {
				terminal.close();
				return resolve(removeControlGroup(group));
			}
			isReset = false;
			restarts.add();
			machine = powerOn();
			machine.once("close", (_, next) => onExit(next));
		};
		machine.once("close", (_, signal) => onExit(signal));
	});

	return {
		console: new Console(terminal.stream),
		agent: undefined,
		qmp: undefined,
		portOf(guestPort) {
			const found = forwards.get(guestPort);
			if (found === undefined)
				throw new Error(`Port ${guestPort} of the guest is not forwarded`);
			return found;
		},
		forward: (address, guestPort) => lan.forward(address, guestPort),
		async reset() {
			isReset = true;
			machine.kill("SIGKILL");
			await restarts.next(10_000);
		},
		async pressPowerButton() {
			const namespace = `/proc/${machine.pid}/ns/pid_for_children`;
			await $`nsenter --pid=${namespace} sh -c ${`kill -s ${powerOffSignal} 1`}`;
		},
		nextRestart: (timeoutMs) => restarts.next(timeoutMs),
		ended,
		async kill() {
			machine.kill("SIGKILL");
			await ended;
		},
	};

	function cardOn(bridge: Bridge): string {
		const isFirst = bridge !== "lan2";
		const peer = isFirst ? port.link : `${port.link}-2`;
		const mac = isFirst ? port.mac : port.mac.replace(/^52/, "56");
		return [bridge, peer, mac].join();
	}

	function powerOn() {
		const child = spawn(
			"setpriv",
			[
				...["--pdeathsig", "KILL", "--bounding-set", droppedCapabilities],
				// The current group becomes the root of the namespace.
				...["sh", "-euc", 'echo 0 >"$0/cgroup.procs"; exec "$@"', group],
				...["unshare", "--mount", "--propagation", "private"],
				...["--uts", "--ipc", "--net", "--pid", "--cgroup"],
				...["--fork", "--kill-child=KILL", "sh", startScript],
				...[disk, terminal.path, String(network)],
				...[cards.map(cardOn).join(" "), group],
				...[String(memoryMB), commandLine],
			],
			{ stdio: [terminal.fd, terminal.fd, terminal.fd] },
		);
		const forget = atExit(() => child.kill("SIGKILL"));
		child.once("close", forget);
		return child;
	}
}

/** Opens a pseudo-terminal whose other end socat (Debian's) holds, since Node cannot create one. */
async function openTerminal(directory: string, serialLog: string) {
	const channel = await openChannel(join(directory, "console.socket"));
	const link = join(directory, "console");
	const socat = spawn(
		"setpriv",
		[
			...["--pdeathsig", "KILL", "socat"],
			// In this order: the terminal exists when socat connects.
			...[`PTY,link=${link}`, `UNIX-CONNECT:${channel.path}`],
		],
		{ stdio: ["ignore", "ignore", "inherit"] },
	);
	const forget = atExit(() => socat.kill("SIGKILL"));
	const stream = await within("the start of socat", 30_000, channel.connected);
	stream.pipe(createWriteStream(serialLog, { flags: "a" }));
	// Kept open so that the terminal survives a restart of the machine.
	const fd = openSync(link, constants.O_RDWR | constants.O_NOCTTY);
	return {
		path: realpathSync(link),
		fd,
		stream,
		close() {
			closeSync(fd);
			socat.kill("SIGKILL");
			forget();
			channel.close();
		},
	};
}

/** Counts restarts, so that none is missed between two calls of `next`. */
class RestartCounter {
	#unseen = 0;
	#wake: (() => void) | undefined;

	add(): void {
		this.#unseen++;
		this.#wake?.();
	}

	async next(timeoutMs: number): Promise<void> {
		if (this.#unseen === 0)
			await within(
				"the machine's restart",
				timeoutMs,
				new Promise<void>((resolve) => {
					this.#wake = resolve;
				}),
			);
		this.#unseen = 0;
	}
}
