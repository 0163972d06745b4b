import { rm } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { type DiskFile, temporaryDirectory } from "../../machine/index.ts";

/** Text of the owner that a new system does not contain. */
const ownerTexts = [
	"Käse & Brot",
	"Bericht März",
	"Übersicht März",
	"pbx.example.com",
	"database-host.cjs",
	"# of the owner",
];

/** Returns the owner's text that is still anywhere on a disk, in a file or not. */
export async function findOwnerText(disk: DiskFile): Promise<string[]> {
	const quiet = $({ quiet: true, nothrow: true });
	const directory = temporaryDirectory();
	const raw = join(directory.path, "raw");
	try {
		await quiet({
			nothrow: false,
		})`qemu-img convert -f ${disk.format} -O raw ${disk.path} ${raw}`;
		const patterns = ownerTexts.flatMap((text) => ["-e", text]);
		// Lines end with NUL: otherwise free space would be one line of gigabytes.
		const found = await quiet`grep --null-data -aoF ${patterns} ${raw}`;
		return [...new Set(found.stdout.split(/[\0\n]/))].filter(Boolean).sort();
	} finally {
		await rm(raw, { force: true });
		directory.remove();
	}
}
