import type { Stage, StageResult } from "../pipeline/stage.ts";

/**
 * A base system provides the kernel and the rootfs tree of a target. Later stages do not depend on
 * which base it is.
 */
export interface BaseSystem {
	/** Result: the file `linux`, its `config` and the directory `dtbs` with device trees. */
	kernel: Stage;
	/** Result: the directory `tree` (a rootfs without our overlay) and `packages.tsv`. */
	rootfs: Stage;
}

export const kernelFile = ({ directory }: StageResult) => `${directory}/linux`;
/** Device trees, at their paths in the kernel's source; empty if the firmware provides them. */
export const deviceTreesDirectory = ({ directory }: StageResult) =>
	`${directory}/dtbs`;
export const rootfsTree = ({ directory }: StageResult) => `${directory}/tree`;
