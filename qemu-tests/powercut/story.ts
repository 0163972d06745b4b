import type { Disk, Machine, TargetName } from "../machine/index.ts";

/** What happens to a disk while the power may fail. A new story is a file in stories/. */
export interface Story {
	name: string;
	target: TargetName;
	/** The disk before it, as a raw file. */
	disk: Disk;
	/** The machine is switched on with that disk; ends where nothing more is to be recorded. */
	run(machine: Machine): Promise<void>;
	/**
	 * Looks at a copy of sda2 after a cut: throws when something is lost that was there before.
	 * Only for disks that had data.
	 */
	checkData?(dataPartition: string): Promise<void>;
	/** A machine that was started after a cut: the system runs and nothing is lost. */
	holds(machine: Machine): Promise<void>;
}
