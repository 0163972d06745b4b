/**
 * Disk layouts as data: the code that writes images depends on no particular layout.
 *
 * The documentation uses the units of `fdisk` and `df -h`: 350 MB means 350 MiB.
 * The rescue system partitions the rest of the disk on the machine, where no Node runs: `layoutFile` gives
 * its shell the same figures.
 */

export const SECTOR_BYTES = 512;
/** Room for the boot state to grow within its sector: the progress of an update, a slot's paths. */
export const STATE_GROWTH_BYTES = 24;
export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

/** Every partition starts at a multiple of this, which suits any SSD and flash card. */
export const ALIGNMENT_BYTES = MIB;

/** What an MBR can address in sectors of 32 bits, without the last MiB. */
export const MAX_DISK_BYTES = (2 ** 32 - 2048) * SECTOR_BYTES;

/** What the data partition needs at least. */
const MIN_DATA_BYTES = 1024 * MIB;

export type FileSystem = "ext2" | "ext4" | "fat32" | "swap";

/** The type byte in the MBR for each file system. */
const MBR_TYPES: Record<FileSystem, number> = {
	ext2: 0x83,
	ext4: 0x83,
	fat32: 0x0c,
	swap: 0x82,
};

/** UEFI's type for the partition with the boot loader's files. */
const EFI_SYSTEM_TYPE = 0xef;

/** A part of a partition, relative to its start. */
export interface EfiArea {
	startBytes: number;
	sizeBytes: number;
}

export interface Partition {
	/** Entry in the MBR: the 1 in sda1. */
	number: 1 | 2 | 3 | 4;
	label: string;
	fileSystem: FileSystem;
	/** undefined: the rest of the disk, allowed only for the last partition on it. */
	sizeBytes?: number;
	/** The part of an ext2 partition with the FAT volume that UEFI firmware reads (partitioning/efi.ts). */
	efiArea?: EfiArea;
}

/** Returns the type byte of a partition in the MBR. */
export function mbrType({ fileSystem, efiArea }: Partition): number {
	return efiArea ? EFI_SYSTEM_TYPE : MBR_TYPES[fileSystem];
}

/** GRUB, in the sectors before sda1, or the board's U-Boot, which reads sda1. */
export type BootLoader = "grub" | "u-boot";

export interface DiskLayout {
	bootLoader: BootLoader;
	/**
	 * Size of the built disk image; the installed system uses a disk of any size.
	 * undefined: the image ends with the content of the boot partition.
	 */
	imageBytes?: number;
	/** The only partition in a built image. */
	boot: Partition;
	/** Created at the first start, in this order on the disk: `data` is last, so that it can grow. */
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
	boot: {
		number: 1,
		label: "boot",
		fileSystem: "ext2",
		sizeBytes: 350 * MIB,
		// Room for shim and GRUB to grow: they have 5 MiB.
		efiArea: { startBytes: MIB, sizeBytes: 8 * MIB },
	},
	installed,
} as const satisfies DiskLayout;

export const gatewayLayout = {
	bootLoader: "u-boot",
	boot: { number: 1, label: "BOOT", fileSystem: "fat32", sizeBytes: 200 * MIB },
	installed,
} as const satisfies DiskLayout;

export interface Extent {
	number: Partition["number"];
	startBytes: number;
	sizeBytes: number;
}

/**
 * Returns the position of each partition on an installed disk.
 * @throws Error when the disk is too small.
 */
export function partitionExtents(
	layout: DiskLayout,
	diskBytes: number,
): Extent[] {
	const endBytes = Math.min(diskBytes, MAX_DISK_BYTES);
	let startBytes = ALIGNMENT_BYTES;
	return [layout.boot, ...layout.installed].map((partition) => {
		const restBytes =
			Math.floor((endBytes - startBytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
		const sizeBytes = partition.sizeBytes ?? restBytes;
		if (restBytes < (partition.sizeBytes ?? MIN_DATA_BYTES))
			throw new Error(
				`a disk of ${diskBytes} bytes is too small for partition ${partition.number} (${partition.label})`,
			);
		const extent = { number: partition.number, startBytes, sizeBytes };
		startBytes += sizeBytes;
		return extent;
	});
}

/**
 * Returns the figures as a file that the shell of the rescue system and the system can source. The rescue
 * system adds the partitions after sda1.
 */
export function layoutFile({ boot, installed }: DiskLayout): string {
	const minBytes = installed.reduce(
		(sum, { sizeBytes }) => sum + (sizeBytes ?? MIN_DATA_BYTES),
		0,
	);
	const rows = installed.map((partition) => {
		const { number, sizeBytes } = partition;
		const size = sizeBytes === undefined ? "rest" : sizeBytes / SECTOR_BYTES;
		return `${number} ${size} ${mbrType(partition).toString(16)}`;
	});
	return `# The disk layout in sectors.
SECTOR_BYTES=${SECTOR_BYTES}
SECTORS_PER_MIB=${MIB / SECTOR_BYTES}
ALIGNMENT=${ALIGNMENT_BYTES / SECTOR_BYTES}
MAX_DISK=${MAX_DISK_BYTES / SECTOR_BYTES}
# What the partitions after sda1 need at least.
MIN_INSTALLED=${minBytes / SECTOR_BYTES}
# The type of sda1 for mount: what UEFI firmware reads makes it look like FAT too.
BOOT_FILE_SYSTEM=${boot.fileSystem === "fat32" ? "vfat" : boot.fileSystem}
# NUMBER SIZE TYPE of the partitions after sda1, in their order on the disk.
INSTALLED_PARTITIONS='${rows.join("\n")}'
`;
}
