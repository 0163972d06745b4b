import { readFile } from "node:fs/promises";
import { grubConfig } from "./grub.ts";
import { type BootLoader, SECTOR_BYTES, STATE_GROWTH } from "./layout.ts";

export interface BootMenu {
	/** Its file on the boot partition. */
	path: string;
	/** The first line is this, then the name of the default entry. */
	beforeDefault: string;
	/** The names of the two entries: of one length, so that one takes the place of the other. */
	rescue: string;
	system: string;
	/**
	 * Whether a new image has kernel and ramdisk at the top of the partition, where a gateway's
	 * own fields name them, instead of in the folder of their set.
	 */
	kernelAtTop: boolean;
}

export const bootMenus: Record<BootLoader, BootMenu> = {
	grub: {
		path: "boot/grub/grub.cfg",
		beforeDefault: "set default=",
		rescue: "0",
		system: "1",
		kernelAtTop: false,
	},
	"u-boot": {
		path: "extlinux/extlinux.conf",
		beforeDefault: "default ",
		rescue: "rescue",
		system: "system",
		kernelAtTop: true,
	},
};

/** The same for the shell of the ramdisk and the system: lines that it can source. */
export function bootMenuFile(bootLoader: BootLoader): string {
	const { path, beforeDefault, rescue, system } = bootMenus[bootLoader];
	return `MENU=/mnt/sda1/${path}
BEFORE_DEFAULT='${beforeDefault}'
RESCUE_ENTRY=${rescue}
SYSTEM_ENTRY=${system}
`;
}

/**
 * The menu from its template, with the disk's signature (eight lower-case hex digits) filled in.
 * Throws when the default entry would not lie in one sector.
 */
export async function bootMenu(
	bootLoader: BootLoader,
	templatePath: string,
	diskSignature: string,
): Promise<string> {
	const template = await readFile(templatePath, "utf8");
	return bootLoader === "grub"
		? grubConfig(template, diskSignature)
		: extlinuxConfig(template, diskSignature);
}

/**
 * extlinux.conf, widened to exactly one sector: the default entry and the paths of the set can be
 * overwritten in place, which no power cut can tear.
 */
export function extlinuxConfig(
	template: string,
	diskSignature: string,
): string {
	const filled = template.replaceAll("XXXXXXXX", diskSignature);
	if (
		!/^[0-9a-f]{8}$/.test(diskSignature) ||
		!/^default (rescue|system)\n/.test(filled) ||
		!/^# update: none$/m.test(filled)
	)
		throw new Error(
			"extlinux.conf must begin with the line default rescue and have a line # update: none",
		);
	const padding = SECTOR_BYTES - filled.length;
	if (padding < STATE_GROWTH)
		throw new Error(
			`extlinux.conf has ${filled.length} bytes: it must fit into one sector of ${SECTOR_BYTES} with ${STATE_GROWTH} to spare`,
		);
	return `${filled}${"#".repeat(padding - 1)}\n`;
}
