import { open, rename } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { derivedHex32 } from "./identity.ts";
import { SECTOR_BYTES } from "./layout.ts";
import { toolsIn, withWorkDirectory } from "./tools.ts";
import { fixVhdxIdentifiers } from "./vhdx.ts";

/** Offsets in the header of a VMDK's sparse extent ("VMware Virtual Disk Format 5.0"); the values are in sectors. */
const DESCRIPTOR_OFFSET_AT = 28;
const DESCRIPTOR_SIZE_AT = 36;
const HEADER_BYTES = SECTOR_BYTES;

export interface VmDiskInputs {
	/** The raw disk; unwritten parts take no space in the result. */
	rawImage: string;
	/** Determines the identifiers in the result. */
	seed: string;
	outputPath: string;
}

/** Writes a qcow2 with compressed clusters, for Proxmox, KVM and QEMU. */
export async function makeQcow2(inputs: VmDiskInputs): Promise<void> {
	await convert(inputs, ["-c", "-O", "qcow2"]);
}

/** Writes a dynamic VHDX, for Hyper-V. */
export async function makeVhdx(inputs: VmDiskInputs): Promise<void> {
	await convert(
		inputs,
		["-O", "vhdx", "-o", "subformat=dynamic"],
		fixVhdxIdentifiers,
	);
}

/** Writes a streamOptimized VMDK, the format of disks in OVA files, for VMware and VirtualBox. */
export async function makeVmdk(inputs: VmDiskInputs): Promise<void> {
	await convert(
		inputs,
		["-O", "vmdk", "-o", "subformat=streamOptimized,adapter_type=lsilogic"],
		fixVmdkIdentifiers,
	);
}

async function convert(
	{ rawImage, seed, outputPath }: VmDiskInputs,
	options: string[],
	fixIdentifiers?: (path: string, seed: string) => Promise<void>,
): Promise<void> {
	await withWorkDirectory(outputPath, async (directory) => {
		// A VMDK contains its file name, so it gets the final one from the start.
		const name = basename(outputPath);
		await toolsIn({
			cwd: directory,
		})`qemu-img convert -f raw ${options} ${resolve(rawImage)} ${name}`;
		await fixIdentifiers?.(join(directory, name), seed);
		await rename(join(directory, name), outputPath);
	});
}

/**
 * Replaces the random content identifier (CID) that qemu-img writes into a VMDK's descriptor with one
 * derived from the seed.
 * @throws Error when the file is not a VMDK with an embedded descriptor.
 */
async function fixVmdkIdentifiers(path: string, seed: string): Promise<void> {
	const file = await open(path, "r+");
	try {
		const header = Buffer.alloc(HEADER_BYTES);
		await file.read(header, 0, HEADER_BYTES, 0);
		const offset =
			Number(header.readBigUInt64LE(DESCRIPTOR_OFFSET_AT)) * SECTOR_BYTES;
		const sizeBytes =
			Number(header.readBigUInt64LE(DESCRIPTOR_SIZE_AT)) * SECTOR_BYTES;
		if (header.toString("latin1", 0, 4) !== "KDMV" || sizeBytes === 0)
			throw new Error(`${path} is not a VMDK with an embedded descriptor`);

		const descriptor = Buffer.alloc(sizeBytes);
		await file.read(descriptor, 0, sizeBytes, offset);
		const end = descriptor.indexOf(0);
		const text = descriptor
			.toString("latin1", 0, end < 0 ? sizeBytes : end)
			.replace(/^CID=.*$/m, `CID=${derivedHex32(seed, "VMDK content")}`);
		const fixed = Buffer.alloc(sizeBytes);
		fixed.write(text, "latin1");
		await file.write(fixed, 0, sizeBytes, offset);
	} finally {
		await file.close();
	}
}
