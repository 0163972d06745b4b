import { eventually, type Machine } from "../machine/index.ts";
import { outputOf } from "./steps.ts";

/** How the processes begin that run all the time, as `pgrep -f` sees them. */
export const processes = {
	haproxy: "haproxy ",
	postgresql: "postgres -D",
	manager: "/apps/manager/manager",
	notes: "/mnt/sda2/apps/notes/notes",
	files: "/mnt/sda2/apps/files/files",
} as const;

/** Of the oldest process with such a command line. Somebody is at the console. */
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
 * Kills a process and waits for the one that takes its place.
 * @param signal as `kill` takes it.
 * @returns the id of the process that was killed.
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
