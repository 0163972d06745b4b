import { rm } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { type DiskFile, temporaryDirectory } from "../../machine/index.ts";

/** Words of the owner that no system has by itself. */
const words = [
	"Käse & Brot",
	"Bericht März",
	"Übersicht März",
	"pbx.example.com",
	"database-host.cjs",
	"# of the owner",
];

/** Returns the owner's words that are still somewhere on a disk, in a file or not. */
export async function wordsLeftOn(disk: DiskFile): Promise<string[]> {
	const quiet = $({ quiet: true, nothrow: true });
	const folder = temporaryDirectory();
	const raw = join(folder.path, "raw");
	try {
		await quiet({
			nothrow: false,
		})`qemu-img convert -f ${disk.format} -O raw ${disk.path} ${raw}`;
		const patterns = words.flatMap((word) => ["-e", word]);
		// Lines end with NUL, or free space would be one line of gigabytes.
		const found = await quiet`grep --null-data -aoF ${patterns} ${raw}`;
		return [...new Set(found.stdout.split(/[\0\n]/))].filter(Boolean).sort();
	} finally {
		await rm(raw, { force: true });
		folder.remove();
	}
}
