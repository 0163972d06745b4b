import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { ExecutionContext } from "ava";

/** What a command prints; what it complains of is left out. */
export const run = (command: string, ...words: string[]): string =>
	execFileSync(command, words, {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "ignore"],
	});

/** A partition, of 8 MiB if nothing else is said, in a sparse file of a directory. Wants root. */
export class LoopDevice {
	/** As /dev/loop0. */
	readonly path: string;
	/** As the kernel calls it. */
	readonly name: string;
	readonly #places: string[] = [];
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
			for (const place of this.#places) run("umount", place);
			run("losetup", "--detach", this.path);
			rmSync(directory, { recursive: true });
		});
	}

	/** Mounts it until the end of the test, or until the result is called. */
	mount(options: string): { place: string; unmount: () => void } {
		const place = join(this.#directory, "where an admin looks");
		mkdirSync(place, { recursive: true });
		run("mount", "-o", options, this.path, place);
		this.#places.push(place);
		return {
			place,
			unmount: () => {
				run("umount", place);
				this.#places.splice(this.#places.indexOf(place), 1);
			},
		};
	}
}
