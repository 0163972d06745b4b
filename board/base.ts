import type { Stage, StageResult } from "../pipeline/stage.ts";

/**
 * The question that every base system answers: give me the kernel and the rootfs tree of this
 * target. Nothing after it knows which base it was.
 */
export interface BaseSystem {
	/** Result: the file `linux`, its `config` and the folder `dtbs` with device trees. */
	kernel: Stage;
	/** Result: the folder `tree` (a rootfs without our overlay) and `packages.tsv`. */
	rootfs: Stage;
}

export const kernelFile = ({ folder }: StageResult) => `${folder}/linux`;
/** Device trees, in folders as the kernel's source has them; empty where firmware has its own. */
export const deviceTreesFolder = ({ folder }: StageResult) => `${folder}/dtbs`;
export const rootfsTree = ({ folder }: StageResult) => `${folder}/tree`;
