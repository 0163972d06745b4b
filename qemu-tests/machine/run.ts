import type { Console } from "./console.ts";
import type { GuestAgent } from "./guest-agent.ts";
import type { Qmp } from "./qmp.ts";

/** One run of a machine of either kind: from power on to power off. */
export interface Run {
	/** Undefined if the guest agent owns the serial port. */
	console: Console | undefined;
	/** QEMU's guest agent; undefined without a channel for it. */
	agent: GuestAgent | undefined;
	/** Undefined for a container. */
	qmp: Qmp | undefined;
	/** Returns the port of 127.0.0.1 that is forwarded to this guest port. */
	portOf(guestPort: number): number;
	/** Adds a forward from 127.0.0.1. */
	forward(guestAddress: string, guestPort: number): Promise<number>;
	/** Presses the reset button. */
	reset(): Promise<void>;
	pressPowerButton(): Promise<void>;
	/** Resolves when the guest has restarted by itself since the last call. */
	nextRestart(timeoutMs: number): Promise<void>;
	/** Resolves when the machine has switched itself off or was killed. */
	ended: Promise<void>;
	/** Ends the run at once. */
	kill(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
}
