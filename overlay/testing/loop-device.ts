import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { ExecutionContext } from "ava";

/** Runs a command and returns its standard output; its standard error is discarded. */
export const run = (command: string, ...words: string[]): string =>
	execFileSync(command, words, {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "ignore"],
	});

/** A loop device on a sparse file in a directory, of 8 MiB by default. Needs root. */
export class LoopDevice {
	/** Such as /dev/loop0. */
	readonly path: string;
	/** The kernel's name, such as loop0. */
	readonly name: string;
	readonly #mountPoints: string[] = [];
	readonly #directory: string;

	constructor(
		t: ExecutionContext,
		directory: string,
		{ sectorBytes = 512, mebibytes = 8 } = {},
	) {
		this.#directory = directory;
		const file = join(directory, "loop.img");
		writeFileSync(file, "");
		truncateSync(file, mebibytes * 1024 * 1024);
		this.path = run(
			...["losetup", "--find", "--show", "--sector-size"],
			String(sectorBytes),
			file,
		).trim();
		this.name = basename(this.path);
		t.teardown(() => {
			for (const mountPoint of this.#mountPoints) run("umount", mountPoint);
			run("losetup", "--detach", this.path);
			rmSync(directory, { recursive: true });
		});
	}

	/** Mounts it until the end of the test, or until `unmount` is called. */
	mount(options: string): { mountPoint: string; unmount: () => void } {
		const mountPoint = join(this.#directory, "a mount point");
		mkdirSync(mountPoint, { recursive: true });
		run("mount", "-o", options, this.path, mountPoint);
		this.#mountPoints.push(mountPoint);
		return {
			mountPoint,
			unmount: () => {
				run("umount", mountPoint);
				const index = this.#mountPoints.indexOf(mountPoint);
				this.#mountPoints.splice(index, 1);
			},
		};
	}
}
