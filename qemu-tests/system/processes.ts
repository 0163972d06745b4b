import { eventually, type Machine } from "../machine/index.ts";
import { outputOf } from "./steps.ts";

/** The start of the command line of processes that always run, for `pgrep -f`. */
export const processes = {
	haproxy: "haproxy ",
	postgresql: "postgres -D",
	manager: "/apps/manager/manager",
	notes: "/mnt/sda2/apps/notes/notes",
	files: "/mnt/sda2/apps/files/files",
} as const;

/** Returns the id of the oldest process with such a command line. A user is logged in at the console. */
export async function processId(
	{ console }: Machine,
	command: string,
): Promise<string> {
	const pids = await outputOf(
		console,
		`pgrep -o -f '^(/usr/bin/node )?${command}'`,
	);
	return pids.trim();
}

/**
 * Kills a process and waits for its replacement.
 * @param signal as `kill` takes it.
 * @returns the id of the killed process.
 */
export async function killProcess(
	machine: Machine,
	command: string,
	signal = "KILL",
): Promise<string> {
	const pid = await processId(machine, command);
	await outputOf(machine.console, `kill -${signal} ${pid}`);
	await eventually(`another ${command}`, async () => {
		const now = await processId(machine, command);
		return now === pid ? undefined : now;
	});
	return pid;
}
