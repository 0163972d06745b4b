import type { Machine } from "../machine/index.ts";
import { chooseRescue, logins } from "./steps.ts";

/** Rescue by hand, from any state that the machine is in, with root at the console. */
export async function enterRescue(
	machine: Machine,
	password: string = logins.root[1],
): Promise<void> {
	await chooseRescue(machine);
	await machine.console.login("root", password);
}

/** A command that restarts the machine when it succeeds: what it showed until then. */
export async function runUntilRestart(
	machine: Machine,
	command: string,
	{ timeoutMs = 300_000 } = {},
): Promise<string> {
	machine.console.skip();
	machine.console.send(`${command}\n`);
	const shown = await machine.console.expect(/\nfinished\n/, {
		timeoutMs,
		unless: /Kernel panic|This FAILED|usage:/,
	});
	await startAfresh(machine);
	return shown.input.slice(0, shown.index);
}

/** Root, at the console, restarts the machine. */
export async function restart(machine: Machine): Promise<void> {
	machine.console.send("reboot\n");
	await startAfresh(machine);
}

/**
 * Waits for the machine's restart and switches it off and on in its place: QEMU's translator is
 * several times slower in a machine whose memory has held other programs.
 */
export async function startAfresh(machine: Machine): Promise<void> {
	await machine.waitForReboot({ timeoutMs: 120_000 });
	await machine.cutPower();
	await machine.boot();
}
