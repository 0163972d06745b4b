import { readFile } from "node:fs/promises";
import { grubConfig } from "./grub.ts";
import { type BootLoader, SECTOR_BYTES, STATE_GROWTH_BYTES } from "./layout.ts";

export interface BootMenu {
	/** Path on the boot partition. */
	path: string;
	/** Start of the first line, before the name of the default entry. */
	beforeDefault: string;
	/** Names of the two entries: equally long, so that one can overwrite the other in place. */
	rescue: string;
	system: string;
	/**
	 * Whether a new image has the kernel and the rescue system at the top of the partition, where a
	 * gateway's settings expect them, instead of in the slot's directory.
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

/** Returns a file that the shell of the rescue system and the system can source. */
export function bootMenuFile(bootLoader: BootLoader): string {
	const { path, beforeDefault, rescue, system } = bootMenus[bootLoader];
	return `MENU=/mnt/sda1/${path}
BEFORE_DEFAULT='${beforeDefault}'
RESCUE_ENTRY=${rescue}
SYSTEM_ENTRY=${system}
`;
}

/**
 * Returns the menu from its template, with the disk signature (eight lower-case hex digits) filled in.
 * @throws Error when the boot state does not fit into one sector.
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
 * Returns extlinux.conf, padded to exactly one sector: the default entry and the slot's paths can be
 * overwritten in place, and a power cut cannot tear the write.
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
			'extlinux.conf must begin with the line "default rescue" and contain the line "# update: none"',
		);
	const padding = SECTOR_BYTES - filled.length;
	if (padding < STATE_GROWTH_BYTES)
		throw new Error(
			`extlinux.conf has ${filled.length} bytes: it must fit into one sector of ${SECTOR_BYTES} with ${STATE_GROWTH_BYTES} to spare`,
		);
	return `${filled}${"#".repeat(padding - 1)}\n`;
}
