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
import type { Lan, Port } from "./lan.ts";

const startScript = fileURLToPath(new URL("start.sh", import.meta.url));

/** What the image's init, busybox, takes for the power button. */
const powerOffSignal = "USR2";

/** The clock, modules and log of the kernel are the host's. */
const withoutHostsKernel =
	"-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm";

const commandLine = "root=/dev/sda3 slot=a console=ttyS0";

/**
 * Starts the installed system of a disk in Linux namespaces, with the kernel of this host: its own init, its
 * init scripts, services and users. `unshare` (util-linux) makes the namespaces, as it runs any init, needs no
 * daemon, and with it and its mounts all ends that the kernel made for it, even when this process is killed.
 * What differs from the image is `container/rootfs`.
 */
export async function startContainer(
	{ ports, hostServices, memoryMB }: Hardware,
	{
		disk,
		serialLog,
		lan,
		port,
	}: { disk: string; serialLog: string; lan: Lan; port: Port },
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
	const restarts = new Restarts();
	let machine = powerOn();
	let isReset = false;
	const ended = new Promise<void>((resolve) => {
		const goOn = (signal: NodeJS.Signals | null) => {
			// How the kernel tells of a reboot() in a PID namespace.
			if (signal !== "SIGHUP" && !isReset) {
				terminal.close();
				return resolve(removeControlGroup(group));
			}
			isReset = false;
			restarts.add();
			machine = powerOn();
			machine.once("close", (_, next) => goOn(next));
		};
		machine.once("close", (_, signal) => goOn(signal));
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

	function powerOn() {
		const child = spawn(
			"setpriv",
			[
				...["--pdeathsig", "KILL", "--bounding-set", withoutHostsKernel],
				// The namespace's root is the group that one is in.
				...["sh", "-euc", 'echo 0 >"$0/cgroup.procs"; exec "$@"', group],
				...["unshare", "--mount", "--propagation", "private"],
				...["--uts", "--ipc", "--net", "--pid", "--cgroup"],
				...["--fork", "--kill-child=KILL", "sh", startScript],
				...[disk, terminal.path, String(network)],
				...[port.link, port.mac, group, String(memoryMB), commandLine],
			],
			{ stdio: [terminal.fd, terminal.fd, terminal.fd] },
		);
		const forget = atExit(() => child.kill("SIGKILL"));
		child.once("close", forget);
		return child;
	}
}

/** A pseudo-terminal, of which socat (Debian's) keeps the other end: Node cannot make one. */
async function openTerminal(directory: string, serialLog: string) {
	const channel = await openChannel(join(directory, "console.socket"));
	const link = join(directory, "console");
	const socat = spawn(
		"setpriv",
		[
			...["--pdeathsig", "KILL", "socat"],
			// In this order: when it calls, the terminal is there.
			...[`PTY,link=${link}`, `UNIX-CONNECT:${channel.path}`],
		],
		{ stdio: ["ignore", "ignore", "inherit"] },
	);
	const forget = atExit(() => socat.kill("SIGKILL"));
	const stream = await within("the start of socat", 30_000, channel.connected);
	stream.pipe(createWriteStream(serialLog, { flags: "a" }));
	// Open as long as the machine is there: its line does not end with a restart.
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

/** Counts restarts and tells of the next one that nobody has waited for. */
class Restarts {
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
