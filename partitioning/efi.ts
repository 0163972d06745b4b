import { open } from "node:fs/promises";
import { join } from "node:path";
import { derivedHex32 } from "./identity.ts";
import { type EfiArea, SECTOR_BYTES } from "./layout.ts";
import { toolsIn } from "./tools.ts";

/**
 * UEFI firmware reads its boot loader from a FAT volume. The VM's four partitions are used up, so the volume is inside
 * sda1. Its boot sector is the first sector of sda1, which ext2 does not use. The number of reserved sectors in it leads
 * to the EFI area, whose blocks belong to ext2's inode of bad blocks: no file gets them, e2fsck leaves them alone, and
 * nobody deletes them with a file.
 *
 * Firmware takes the volume for FAT, and everything else takes the partition for ext2, as `hideFromOthers` explains.
 */

/** The files of the volume: Debian's shim, which Microsoft has signed, and GRUB, which Debian has signed. */
export const efiLoaders = {
	"EFI/BOOT/BOOTX64.EFI": "/usr/lib/shim/shimx64.efi.signed",
	"EFI/BOOT/grubx64.efi": "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
} as const;

/** Where the signed GRUB looks for its configuration on the partition from which it was started: on ext2. */
export const EFI_START_PATH = "EFI/debian/grub.cfg";
/** A copy of grub.cfg for when it is damaged: the signed GRUB cannot have one built in. */
export const EFI_FALLBACK_PATH = "EFI/debian/fallback.cfg";
export const efiStartFile = join(import.meta.dirname, "grub-efi-start.cfg");

// Offsets in a FAT16 boot sector (BIOS parameter block).
const FAT_SECTORS_AT = 22;
const FILE_SYSTEM_TYPE_AT = 54;
/** With 1 KiB, 8 MiB have the 4,085 clusters that FAT16 requires. */
const CLUSTER_SECTORS = 2;
const FATS = 2;

/**
 * Writes the FAT volume with the boot loaders as a file: boot sector, reserved sectors up to the area, and the area. The
 * same inputs give the same bytes.
 */
export async function makeEfiVolume({
	area: { startBytes, sizeBytes },
	epochSeconds,
	seed,
	directory,
	name,
}: {
	area: EfiArea;
	epochSeconds: number;
	seed: string;
	directory: string;
	name: string;
}): Promise<void> {
	const tool = toolsIn({ cwd: directory, epochSeconds });
	const volumeId = derivedHex32(seed, "EFI volume");
	await tool`truncate --size ${startBytes + sizeBytes} ${name}`;
	// -a: without alignment, which would move the area.
	await tool`mkfs.vfat --invariant -a -F 16 -f ${FATS} -s ${CLUSTER_SECTORS} -R ${startBytes / SECTOR_BYTES} -n EFI -i ${volumeId} ${name}`;
	for (const path of ["::/EFI", "::/EFI/BOOT"])
		await tool`mmd -i ${name} ${path}`;
	for (const [path, file] of Object.entries(efiLoaders))
		await tool`mcopy -i ${name} ${file} ${`::/${path}`}`;
	await hideFromOthers(join(directory, name), startBytes);
}

/**
 * Changes two values that firmware does not read, so that only firmware finds a FAT volume:
 * - libblkid takes a boot sector for FAT by the name of the type in it, and without that by the rest of the sector,
 *   except when the name is that of another system of those times. Otherwise blkid would find two file systems, and
 *   print none.
 * - GRUB and mtools compare the first entry of the FAT with the type of the medium in the boot sector. Otherwise GRUB
 *   would see only the FAT volume, and not find grub.cfg and the kernel on ext2.
 */
async function hideFromOthers(path: string, startBytes: number): Promise<void> {
	const file = await open(path, "r+");
	try {
		const sector = Buffer.alloc(SECTOR_BYTES);
		await file.read(sector, 0, SECTOR_BYTES, 0);
		await file.write("HPFS    ", FILE_SYSTEM_TYPE_AT, "latin1");
		const fatBytes = sector.readUInt16LE(FAT_SECTORS_AT) * SECTOR_BYTES;
		for (let fat = 0; fat < FATS; fat++)
			await file.write(Buffer.of(0xff), 0, 1, startBytes + fat * fatBytes);
	} finally {
		await file.close();
	}
}
