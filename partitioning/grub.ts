import { copyFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ALIGNMENT_BYTES, SECTOR_BYTES, STATE_GROWTH } from "./layout.ts";
import { toolsIn, withWorkFolder } from "./tools.ts";

/** Where Debian's grub-pc-bin puts GRUB for BIOS machines. */
const GRUB_FOLDER = "/usr/lib/grub/i386-pc";
export const grubStartFile = join(import.meta.dirname, "grub-start.cfg");

/** What the two entries, the fallback and a person at GRUB's prompt need; no more. */
const MODULES = [
	...["biosdisk", "part_msdos", "ext2", "memdisk", "tar"],
	...["normal", "configfile", "linux", "test", "true"],
	...["serial", "terminal"],
	...["ls", "cat", "echo", "minicmd", "reboot", "halt", "search"],
];

/**
 * grub.cfg from its template: fills in the disk signature (eight lower-case hex digits) and
 * widens the first paragraph to exactly one sector, so that overwriting the sector which
 * holds the state touches nothing else. Throws when the template breaks this agreement.
 */
export function grubConfig(template: string, diskSignature: string): string {
	const filled = template.replaceAll("XXXXXXXX", diskSignature);
	const state = new RegExp(
		`^set default=[01]\nset slot=[ab]\nset disk=${diskSignature}\n# update: none\n`,
	);
	const end = filled.indexOf("\n\n") + 1;
	const padding = SECTOR_BYTES - end;
	if (!/^[0-9a-f]{8}$/.test(diskSignature) || !state.test(filled))
		throw new Error(
			"grub.cfg must begin with the lines set default=, set slot=, set disk=, # update: none",
		);
	if (end === 0 || padding < STATE_GROWTH)
		throw new Error(
			`the first paragraph of grub.cfg must be shorter than ${SECTOR_BYTES - STATE_GROWTH + 1} bytes`,
		);
	return `${filled.slice(0, end)}${"#".repeat(padding - 1)}\n${filled.slice(end)}`;
}

export interface GrubInputs {
	/** The text of grub.cfg; a copy is built in, for the day the file is damaged. */
	config: string;
	epochSeconds: number;
	/** Receives boot.img and core.img. */
	outputFolder: string;
}

export interface GrubImages {
	/** For the first 440 bytes of the disk. */
	bootImage: string;
	/** For the sectors from 1 on, before the first partition. */
	coreImage: string;
}

/** Makes GRUB's two images for a BIOS machine. Throws when the second is too large. */
export async function makeGrub({
	config,
	epochSeconds,
	outputFolder,
}: GrubInputs): Promise<GrubImages> {
	const bootImage = join(outputFolder, "boot.img");
	const coreImage = join(outputFolder, "core.img");
	await mkdir(outputFolder, { recursive: true });
	await withWorkFolder(coreImage, async (folder) => {
		const tool = toolsIn({ cwd: folder, epochSeconds });
		await copyFile(grubStartFile, join(folder, "start.cfg"));
		await writeFile(join(folder, "grub.cfg"), config);
		await tool`tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@${epochSeconds} -cf memdisk.tar start.cfg grub.cfg`;
		// The early configuration knows no `if`: all it does is start the real one.
		await writeFile(join(folder, "early.cfg"), "normal (memdisk)/start.cfg\n");
		// A prefix without a disk means the disk that GRUB was started from; it must come after -m,
		// which sets one of its own.
		await tool`grub-mkimage -O i386-pc -d ${GRUB_FOLDER} -m memdisk.tar -p ${"(,msdos1)/boot/grub"} -c early.cfg -o core.img ${MODULES}`;
		await copyFile(join(GRUB_FOLDER, "boot.img"), bootImage);
		await rename(join(folder, "core.img"), coreImage);
	});
	const coreBytes = (await readFile(coreImage)).length;
	if (coreBytes > ALIGNMENT_BYTES - SECTOR_BYTES)
		throw new Error(
			`GRUB's core image has ${coreBytes} bytes: too large for the gap before the first partition`,
		);
	return { bootImage, coreImage };
}
