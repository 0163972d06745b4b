import type { Console, Machine, TargetName } from "../../machine/index.ts";
import { loginsOf, managerSession, rootBySsh } from "../steps.ts";

/** An owner's machine, with access to everything that the owner can reach. */
export interface OwnedMachine {
	machine: Machine;
	target: TargetName;
	/** Root's terminal, by SSH and `su root`. */
	root: Console;
	/** Calls an operation of the manager's API. */
	call: (operation: string, input?: object) => Promise<unknown>;
	/** Writes a file as admin by SFTP. */
	writeFile: (path: string, content: Buffer | string) => Promise<void>;
}

/** One kind of data or settings of an owner on a machine. */
export interface Fixture<Found = unknown> {
	/** Creates it on a newly installed machine. */
	create(owned: OwnedMachine): Promise<void>;
	/** Reads it back from outside, as plain data. */
	read(owned: OwnedMachine): Promise<Found>;
}

/** Runs the work while logged in everywhere as the owner. */
export async function asOwner<Result>(
	machine: Machine,
	work: (owned: OwnedMachine) => Promise<Result>,
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
