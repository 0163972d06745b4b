import type { Console } from "./console.ts";
import type { GuestAgent } from "./guest-agent.ts";
import type { Qmp } from "./qmp.ts";

/** One run of a machine of either kind: from power on to power off. */
export interface Run {
	/** Absent where the serial line belongs to the guest agent. */
	console: Console | undefined;
	/** QEMU's guest agent, on a machine with a channel for it. */
	agent: GuestAgent | undefined;
	/** Absent in a container. */
	qmp: Qmp | undefined;
	/** The port on 127.0.0.1 that leads to this port of the guest. */
	portOf(guestPort: number): number;
	/** One more forward from 127.0.0.1. */
	forward(guestAddress: string, guestPort: number): Promise<number>;
	/** Presses the reset button. */
	reset(): Promise<void>;
	pressPowerButton(): Promise<void>;
	/** Settles with the next restart that the guest makes itself, counting from the last one waited for. */
	nextRestart(timeoutMs: number): Promise<void>;
	/** Settles when the machine has switched itself off or was killed. */
	ended: Promise<void>;
	/** Ends it at once. */
	kill(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
}
