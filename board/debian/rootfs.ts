import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOfPaths } from "../../pipeline/hash.ts";
import type { Stage } from "../../pipeline/stage.ts";
import type { Target } from "../target.ts";
import type { DebianArchive } from "./apt.ts";
import { excludedPackages, excludedPaths, packages } from "./packages.ts";

/** Unpacks Debian's packages; no maintainer script runs, `finish.sh` does what we want of them. */
export async function rootfsStage(
	target: Target,
	archive: DebianArchive,
): Promise<Stage> {
	const resolved = await archive.resolve(
		[...packages, ...target.packages],
		excludedPackages,
	);
	return {
		name: `base ${target.name}`,
		inputs: {
			packages: resolved.map(({ sha256 }) => sha256),
			excludedPaths: [...excludedPaths],
			code: await hashOfPaths(
				import.meta.filename,
				join(import.meta.dirname, "finish.sh"),
			),
		},
		async make({ $, folder, report }) {
			report(`fetching ${resolved.length} packages`);
			const debs = await archive.fetch(resolved);
			await $`mkdir tree`;
			await writeFile(
				join(folder, "excluded"),
				`${excludedPaths.join("\n")}\n`,
			);
			for (const [index, deb] of debs.entries()) {
				report(`unpacking ${index + 1} of ${debs.length} packages`);
				await $`dpkg-deb --fsys-tarfile ${deb} | tar -x -C tree --no-same-owner --same-permissions --keep-directory-symlink --wildcards --exclude-from excluded`;
			}
			report("finishing");
			await $`sh ${join(import.meta.dirname, "finish.sh")} tree`;
			const lines = resolved.map(
				({ name, version, sha256 }) => `${name}\t${version}\t${sha256}\n`,
			);
			await writeFile(join(folder, "packages.tsv"), lines.join(""));
			await $`rm excluded`;
		},
	};
}
