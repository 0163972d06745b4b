import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { $ } from "zx";

export type DiskFormat = "raw" | "qcow2" | "vmdk" | "vhdx";
export type DiskFile = {
	path: string;
	format: DiskFormat;
	/** Where QEMU records the writes and flushes, in the format of dm-log-writes. */
	writeLog?: string;
	/** Whether that log exists already. */
	appendToLog?: boolean;
	readOnly?: boolean;
	/** Sectors of 512 bytes that can be neither read nor written. */
	badSectors?: readonly number[];
	/** Bytes per sector, logical and physical; 512 by default. */
	sectorBytes?: number;
	/** Whether it is in a CD-ROM drive. */
	isCdrom?: boolean;
};

/** Creates the file of a disk when the machine first starts. */
export type Disk = (directory: string, name: string) => Promise<DiskFile>;

/** A file, or a function that provides one: slow ones are created only when needed. */
export type DiskSource = DiskFile | (() => Promise<DiskFile>);

const quiet = $({ quiet: true });

/** A qcow2 overlay; the base is never written to. May be larger than the base. */
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

/** A copy in the same format, shrunk or enlarged to a size that QEMU's overlays cannot have. */
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

/** A raw copy, which a container needs. */
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

/** Records every write and flush next to the disk, in one log across all boots. */
export function recorded(disk: Disk): Disk {
	return async (directory, name) => ({
		...(await disk(directory, name)),
		writeLog: join(directory, `${name}.writes`),
	});
}

/** A disk that the guest can only read. */
export function readOnly(disk: Disk): Disk {
	return async (directory, name) => ({
		...(await disk(directory, name)),
		readOnly: true,
	});
}

/** A disk with bad sectors, which a function selects in its file. */
export function withBadSectors(
	disk: Disk,
	sectorsOf: (file: DiskFile) => Promise<readonly number[]>,
): Disk {
	return async (directory, name) => {
		const file = await disk(directory, name);
		return { ...file, badSectors: await sectorsOf(file) };
	};
}

/** A disk with sectors other than 512 bytes; not supported on AHCI and IDE. */
export function withSectorsOf(sectorBytes: number, disk: Disk): Disk {
	return async (directory, name) => ({
		...(await disk(directory, name)),
		sectorBytes,
	});
}

/** An ISO image of files in an IDE CD-ROM drive, written as Proxmox does; only for x86_64. */
export function cdrom(
	label: string,
	files: Readonly<Record<string, string>>,
): Disk {
	return async (directory, name) => {
		const tree = join(directory, name);
		for (const [file, content] of Object.entries(files)) {
			await mkdir(dirname(join(tree, file)), { recursive: true });
			await writeFile(join(tree, file), content);
		}
		const path = `${tree}.iso`;
		await quiet`genisoimage -quiet -R -V ${label} -o ${path} ${tree}`;
		return { path, format: "raw", readOnly: true, isCdrom: true };
	};
}

/** The file itself; the guest writes to it. */
export function existingDisk(file: DiskSource): Disk {
	return () => resolve(file);
}

async function resolve(source: DiskSource): Promise<DiskFile> {
	return typeof source === "function" ? source() : source;
}
