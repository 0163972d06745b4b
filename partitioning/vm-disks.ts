import { rename } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { toolsIn, withWorkDirectory } from "./tools.ts";
import { fixVhdxIdentifiers } from "./vhdx.ts";
import { finishVmdk } from "./vmdk.ts";

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
		finishVmdk,
	);
}

async function convert(
	{ rawImage, seed, outputPath }: VmDiskInputs,
	options: string[],
	finish?: (path: string, seed: string) => Promise<void>,
): Promise<void> {
	await withWorkDirectory(outputPath, async (directory) => {
		// A VMDK contains its file name, so it gets the final one from the start.
		const name = basename(outputPath);
		await toolsIn({
			cwd: directory,
		})`qemu-img convert -f raw ${options} ${resolve(rawImage)} ${name}`;
		await finish?.(join(directory, name), seed);
		await rename(join(directory, name), outputPath);
	});
}
