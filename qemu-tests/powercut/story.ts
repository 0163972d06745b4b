import type { Disk, Firmware, Machine, TargetName } from "../machine/index.ts";

/** Something a machine does while the power may fail. A new story is a file in stories/. */
export interface Story {
	name: string;
	target: TargetName;
	/** A BIOS by default. */
	firmware?: Firmware;
	/** The disk before the story, as a raw file. */
	disk: Disk;
	/** Runs the story on a machine that was just switched on; the recording ends with it. */
	run(machine: Machine): Promise<void>;
	/**
	 * Checks a copy of sda2 after a cut. Only for disks that had data.
	 * @throws Fault when data from before the story are lost.
	 */
	checkData?(dataPartition: string): Promise<void>;
	/** Asserts on a machine booted after a cut that the system runs and nothing is lost. */
	assertRecovered(machine: Machine): Promise<void>;
}

/** The reason why a disk would not boot, or would boot something incomplete. */
export class Fault extends Error {
	override name = "Fault";
}

/** Returns the name of a story on a target; only a firmware other than a BIOS is named. */
export function storyName(
	what: string,
	target: TargetName,
	firmware: Firmware = "bios",
): string {
	return [what, target, ...(firmware === "bios" ? [] : [firmware])].join("-");
}
