import { copyFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ALIGNMENT_BYTES, SECTOR_BYTES, STATE_GROWTH_BYTES } from "./layout.ts";
import { toolsIn, withWorkDirectory } from "./tools.ts";

/** GRUB for BIOS machines, in Debian's grub-pc-bin. */
const GRUB_DIRECTORY = "/usr/lib/grub/i386-pc";
export const grubStartFile = join(import.meta.dirname, "grub-start.cfg");

/** Modules for the two entries, the fallback and an admin at GRUB's prompt. */
const MODULES = [
	...["biosdisk", "part_msdos", "ext2", "memdisk", "tar"],
	...["normal", "configfile", "linux", "test", "true"],
	...["serial", "terminal"],
	...["ls", "cat", "echo", "minicmd", "reboot", "halt", "search"],
];

/**
 * Returns grub.cfg from its template: fills in the disk signature (eight lower-case hex digits) and pads the
 * first paragraph to exactly one sector, so that overwriting the boot state changes nothing else.
 * @throws Error when the template does not start with the boot state or it is too long.
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
	if (end === 0 || padding < STATE_GROWTH_BYTES)
		throw new Error(
			`the first paragraph of grub.cfg must be shorter than ${SECTOR_BYTES - STATE_GROWTH_BYTES + 1} bytes`,
		);
	return `${filled.slice(0, end)}${"#".repeat(padding - 1)}\n${filled.slice(end)}`;
}

export interface GrubInputs {
	/** Text of grub.cfg; GRUB uses a built-in copy when the file is damaged. */
	config: string;
	epochSeconds: number;
	/** Receives boot.img and core.img. */
	outputDirectory: string;
}

export interface GrubImages {
	/** For the first 440 bytes of the disk. */
	bootImage: string;
	/** For the sectors from 1 to the first partition. */
	coreImage: string;
}

/** Makes GRUB's two images for a BIOS machine. @throws Error when the core image is too large. */
export async function makeGrub({
	config,
	epochSeconds,
	outputDirectory,
}: GrubInputs): Promise<GrubImages> {
	const bootImage = join(outputDirectory, "boot.img");
	const coreImage = join(outputDirectory, "core.img");
	await mkdir(outputDirectory, { recursive: true });
	await withWorkDirectory(coreImage, async (directory) => {
		const tool = toolsIn({ cwd: directory, epochSeconds });
		await copyFile(grubStartFile, join(directory, "start.cfg"));
		await writeFile(join(directory, "grub.cfg"), config);
		await tool`tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@${epochSeconds} -cf memdisk.tar start.cfg grub.cfg`;
		// The early configuration does not support `if`: it only starts the real one.
		await writeFile(
			join(directory, "early.cfg"),
			"normal (memdisk)/start.cfg\n",
		);
		// A prefix without a disk means the boot disk. It must follow -m, which sets its own prefix.
		await tool`grub-mkimage -O i386-pc -d ${GRUB_DIRECTORY} -m memdisk.tar -p ${"(,msdos1)/boot/grub"} -c early.cfg -o core.img ${MODULES}`;
		await copyFile(join(GRUB_DIRECTORY, "boot.img"), bootImage);
		await rename(join(directory, "core.img"), coreImage);
	});
	const coreBytes = (await readFile(coreImage)).length;
	if (coreBytes > ALIGNMENT_BYTES - SECTOR_BYTES)
		throw new Error(
			`GRUB's core image has ${coreBytes} bytes: too large for the gap before the first partition`,
		);
	return { bootImage, coreImage };
}
