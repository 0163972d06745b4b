import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOfPaths } from "../../pipeline/hash.ts";
import type { Stage } from "../../pipeline/stage.ts";
import type { Target } from "../target.ts";
import type { DebianArchive } from "./apt.ts";
import { trimIcuData } from "./icu.ts";
import { removeUnusedLibraries } from "./libraries.ts";
import {
	excludedPackages,
	excludedPaths,
	packages,
	packagesOfOldRelease,
} from "./packages.ts";

const finish = join(import.meta.dirname, "finish.sh");

/** Unpacks Debian packages; `finish.sh` replaces the maintainer scripts, none of which run. */
export async function rootfsStage(
	target: Target,
	archives: { archive: DebianArchive; old: DebianArchive; host: DebianArchive },
): Promise<Stage> {
	const { archive, old, host } = archives;
	// Lists the applets: the target's own busybox does not run here.
	const hostBusybox = await host.resolve(["busybox-static"]);
	const resolved = await archive.resolve(
		[...packages, ...target.packages],
		excludedPackages,
	);
	// Without their dependencies: the image has its own.
	const oldPackages = (await old.resolve(packagesOfOldRelease)).filter(
		({ name }) => packagesOfOldRelease.includes(name),
	);
	const all = [...resolved, ...oldPackages];
	return {
		name: `base ${target.name}`,
		module: import.meta.filename,
		inputs: {
			packages: all.map(({ sha256 }) => sha256),
			excludedPaths: [...excludedPaths],
			finish: await hashOfPaths(finish),
		},
		async make({ $, directory, report }) {
			report(`fetching ${all.length} packages`);
			const debs = [
				...(await archive.fetch(resolved)),
				...(await old.fetch(oldPackages)),
			];
			await $`mkdir tree`;
			await writeFile(
				join(directory, "excluded"),
				`${excludedPaths.join("\n")}\n`,
			);
			for (const [index, deb] of debs.entries()) {
				report(`unpacking ${index + 1} of ${debs.length} packages`);
				await $`dpkg-deb --fsys-tarfile ${deb} | tar -x -C tree --no-same-owner --same-permissions --keep-directory-symlink --wildcards --exclude-from excluded`;
			}
			report("finishing");
			for (const deb of await host.fetch(hostBusybox))
				await $`dpkg-deb --fsys-tarfile ${deb} | tar -x --one-top-level=host`;
			await $`sh ${finish} tree host/usr/bin/busybox`;
			await $`rm -r host`;
			await removeUnusedLibraries(join(directory, "tree"));
			await trimIcuData($, directory);
			const lines = all.map(
				({ name, version, sha256 }) => `${name}\t${version}\t${sha256}\n`,
			);
			await writeFile(join(directory, "packages.tsv"), lines.join(""));
			await $`rm excluded`;
		},
	};
}
