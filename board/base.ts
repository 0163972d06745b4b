import type { Stage, StageResult } from "../pipeline/stage.ts";

/**
 * The question that every base system answers: give me the kernel and the rootfs tree of this
 * target. Nothing after it knows which base it was.
 */
export interface BaseSystem {
	/** Result: the file `linux` and its `config`. */
	kernel: Stage;
	/** Result: the folder `tree` (a rootfs without our overlay) and `packages.tsv`. */
	rootfs: Stage;
}

export const kernelFile = ({ folder }: StageResult) => `${folder}/linux`;
export const rootfsTree = ({ folder }: StageResult) => `${folder}/tree`;
