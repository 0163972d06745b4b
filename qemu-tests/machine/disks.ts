import { join } from "node:path";
import { $ } from "zx";

export type DiskFormat = "raw" | "qcow2" | "vmdk" | "vhdx";
export type DiskFile = {
	path: string;
	format: DiskFormat;
	/** Where QEMU records the writes and flushes, in the format of dm-log-writes. */
	writeLog?: string;
	/** Whether that log has begun. */
	appendToLog?: boolean;
	readOnly?: boolean;
	/** Sectors of 512 bytes that can be neither read nor written. */
	badSectors?: readonly number[];
	/** Bytes of a sector, logical and physical; 512 when it is not said. */
	sectorBytes?: number;
};

/** A disk as a machine's owner orders it; the file is made when the machine first starts. */
export type Disk = (directory: string, name: string) => Promise<DiskFile>;

/** A file, or the way to get one: bases that take minutes to make are made when needed. */
export type DiskSource = DiskFile | (() => Promise<DiskFile>);

const quiet = $({ quiet: true });

/** Writes go into a qcow2 of its own, the base is never touched. May be larger than the base. */
export function overlayOn(
	base: DiskSource,
	{ sizeGB }: { sizeGB?: number } = {},
): Disk {
	return async (directory, name) => {
		const { path: backing, format } = await resolve(base);
		const path = join(directory, `${name}.qcow2`);
		const size = sizeGB === undefined ? [] : [`${sizeGB}G`];
		await quiet`qemu-img create -q -f qcow2 -b ${backing} -F ${format} ${path} ${size}`;
		return { path, format: "qcow2" };
	};
}

/** A copy in the same format, cut or grown to a size that QEMU's overlays cannot have. */
export function copyOf(
	base: DiskSource,
	{ sizeMB }: { sizeMB?: number } = {},
): Disk {
	return async (directory, name) => {
		const { path: original, format } = await resolve(base);
		const path = join(directory, `${name}.${format}`);
		await quiet`cp --sparse=always --reflink=auto ${original} ${path}`;
		if (sizeMB !== undefined)
			await quiet`qemu-img resize -q --shrink -f ${format} ${path} ${sizeMB}M`;
		return { path, format };
	};
}

/** A copy as a file of the disk's bytes, which is what a container takes. */
export function rawCopyOf(base: DiskSource): Disk {
	return async (directory, name) => {
		const { path: original, format } = await resolve(base);
		const path = join(directory, `${name}.raw`);
		await quiet`qemu-img convert -f ${format} -O raw ${original} ${path}`;
		return { path, format: "raw" };
	};
}

/** A new disk full of zeros. */
export function emptyDisk(sizeGB: number, format: DiskFormat = "raw"): Disk {
	return async (directory, name) => {
		const path = join(directory, `${name}.${format}`);
		await quiet`qemu-img create -q -f ${format} ${path} ${sizeGB}G`;
		return { path, format };
	};
}

/** Every write and flush is recorded beside the disk, in one log for all starts. */
export function recorded(disk: Disk): Disk {
	return async (directory, name) => ({
		...(await disk(directory, name)),
		writeLog: join(directory, `${name}.writes`),
	});
}

/** The guest can read the disk, and no more. */
export function readOnly(disk: Disk): Disk {
	return async (directory, name) => ({
		...(await disk(directory, name)),
		readOnly: true,
	});
}

/** The same disk, worn out: sectors by what finds them on its file. */
export function withBadSectors(
	disk: Disk,
	sectorsOf: (file: DiskFile) => Promise<readonly number[]>,
): Disk {
	return async (directory, name) => {
		const file = await disk(directory, name);
		return { ...file, badSectors: await sectorsOf(file) };
	};
}

/** A disk that is addressed by other sectors than those of 512 bytes; not on AHCI or IDE. */
export function withSectorsOf(sectorBytes: number, disk: Disk): Disk {
	return async (directory, name) => ({
		...(await disk(directory, name)),
		sectorBytes,
	});
}

/** The file itself: the guest writes into it. */
export function theFile(file: DiskSource): Disk {
	return () => resolve(file);
}

async function resolve(source: DiskSource): Promise<DiskFile> {
	return typeof source === "function" ? source() : source;
}
