import type { Console, Machine, TargetName } from "../../machine/index.ts";
import { loginsOf, managerSession, rootBySsh } from "../steps.ts";

/** The machine of an owner, and every way in that the owner has. */
export interface Owned {
	machine: Machine;
	target: TargetName;
	/** Root's terminal, by SSH and `su root`. */
	root: Console;
	/** Calls an operation of the manager's API. */
	call: (operation: string, input?: object) => Promise<unknown>;
	/** Writes a file as admin by SFTP. */
	writeFile: (path: string, content: Buffer | string) => Promise<void>;
}

/** One kind of thing that an owner leaves on a machine. */
export interface Trace<Found = unknown> {
	/** Leaves it on a machine that was just installed. */
	leave(owned: Owned): Promise<void>;
	/** Returns what is found of it from outside, as plain data. */
	found(owned: Owned): Promise<Found>;
}

/** Logs in everywhere as the owner, for as long as the work lasts. */
export async function asOwner<Result>(
	machine: Machine,
	work: (owned: Owned) => Promise<Result>,
): Promise<Result> {
	const call = await managerSession(machine);
	const admin = await machine.ssh(...loginsOf(machine).admin);
	const { ssh, terminal } = await rootBySsh(machine);
	try {
		return await work({
			machine,
			target: machine.hardware.target,
			root: terminal,
			call,
			writeFile: (path, content) => admin.writeFile(path, content),
		});
	} finally {
		ssh.close();
		admin.close();
	}
}
