/**
 * What is on a disk, as data: the code that writes images knows no particular one.
 *
 * The documents name sizes as `fdisk` and `df -h` do: 350 MB means 350 MiB.
 * The ramdisk partitions the rest of the disk on the machine itself, where no Node runs:
 * initramfs/ holds the same figures for its shell, and must be changed together with these.
 */

export const SECTOR_BYTES = 512;
/** What the state of the boot in that sector may grow by: an update under way, paths of a set. */
export const STATE_GROWTH = 24;
export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

/** Every partition starts on a multiple of this, which suits any SSD and flash card. */
export const ALIGNMENT_BYTES = MIB;

export type FileSystem = "ext2" | "ext4" | "fat32" | "swap";

/** The type byte in the MBR for each file system. */
export const MBR_TYPES: Record<FileSystem, number> = {
	ext2: 0x83,
	ext4: 0x83,
	fat32: 0x0c,
	swap: 0x82,
};

export interface Partition {
	/** The slot in the MBR, hence the 1 in sda1. */
	number: 1 | 2 | 3 | 4;
	label: string;
	fileSystem: FileSystem;
	/** undefined: all that is left of the disk; only the last on the disk can be so. */
	sizeBytes?: number;
}

/** What the firmware starts: GRUB from the sectors before sda1, or U-Boot, which reads sda1. */
export type BootLoader = "grub" | "u-boot";

export interface DiskLayout {
	bootLoader: BootLoader;
	/**
	 * The size of the built disk image; the installed system takes whatever disk it finds.
	 * undefined: the image ends with the content of the boot partition.
	 */
	imageBytes?: number;
	/** The only partition in a built image. */
	boot: Partition;
	/** Made at first start, in their order on the disk: `data` is last, so that it can grow. */
	installed: Partition[];
}

const installed: Partition[] = [
	{ number: 3, label: "rootfs", fileSystem: "ext4", sizeBytes: 500 * MIB },
	{ number: 4, label: "swap", fileSystem: "swap", sizeBytes: 512 * MIB },
	{ number: 2, label: "data", fileSystem: "ext4" },
];

export const vmLayout = {
	bootLoader: "grub",
	imageBytes: 16 * GIB,
	boot: { number: 1, label: "boot", fileSystem: "ext2", sizeBytes: 350 * MIB },
	installed,
} as const satisfies DiskLayout;

export const gatewayLayout: DiskLayout = {
	bootLoader: "u-boot",
	boot: { number: 1, label: "BOOT", fileSystem: "fat32", sizeBytes: 200 * MIB },
	installed,
};

export interface Extent {
	number: Partition["number"];
	startBytes: number;
	sizeBytes: number;
}

/**
 * Where each partition of an installed disk lies.
 * Throws when the disk is too small to hold them.
 */
export function partitionExtents(
	layout: DiskLayout,
	diskBytes: number,
): Extent[] {
	let startBytes = ALIGNMENT_BYTES;
	return [layout.boot, ...layout.installed].map((partition) => {
		const restBytes =
			Math.floor((diskBytes - startBytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
		const sizeBytes = partition.sizeBytes ?? restBytes;
		if (restBytes <= 0 || sizeBytes > restBytes)
			throw new Error(
				`a disk of ${diskBytes} bytes has no room for partition ${partition.number} (${partition.label})`,
			);
		const extent = { number: partition.number, startBytes, sizeBytes };
		startBytes += sizeBytes;
		return extent;
	});
}
