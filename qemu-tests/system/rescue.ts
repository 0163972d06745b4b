import type { Machine } from "../machine/index.ts";
import { chooseRescue, logins } from "./steps.ts";

/** Boots the rescue system from GRUB's menu, from any state of the machine, and logs in as root. */
export async function enterRescue(
	machine: Machine,
	password: string = logins.root[1],
): Promise<void> {
	await chooseRescue(machine);
	await machine.console.login("root", password);
}

/** Runs a command that restarts the machine on success, and returns its output until then. */
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
	await powerCycleAfterReboot(machine);
	return shown.input.slice(0, shown.index);
}

/** Restarts the machine. Root is logged in at the console. */
export async function restart(machine: Machine): Promise<void> {
	machine.console.send("reboot\n");
	await powerCycleAfterReboot(machine);
}

/**
 * Waits until the machine restarts, then switches it off and on: QEMU's translator is several times slower in a machine
 * whose memory has held other programs.
 */
export async function powerCycleAfterReboot(machine: Machine): Promise<void> {
	await machine.waitForReboot({ timeoutMs: 120_000 });
	await machine.cutPower();
	await machine.boot();
}
