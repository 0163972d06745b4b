import { rename } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { toolsIn, withWorkFolder } from "./tools.ts";
import { fixVhdxIdentifiers } from "./vhdx.ts";
import { fixVmdkIdentifiers } from "./vmdk.ts";

export interface VmDiskInputs {
	/** The raw disk; only what is written in it takes room in the result. */
	rawImage: string;
	/** What the identifiers in the result follow from. */
	seed: string;
	outputPath: string;
}

/** A qcow2 with compressed clusters, for Proxmox, KVM and QEMU. */
export async function makeQcow2(inputs: VmDiskInputs): Promise<void> {
	await convert(inputs, ["-c", "-O", "qcow2"]);
}

/** A growing VHDX, for Hyper-V. */
export async function makeVhdx(inputs: VmDiskInputs): Promise<void> {
	await convert(
		inputs,
		["-O", "vhdx", "-o", "subformat=dynamic"],
		fixVhdxIdentifiers,
	);
}

/** A streamOptimized VMDK, the form in which OVA files carry disks, for VMware and VirtualBox. */
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
	await withWorkFolder(outputPath, async (folder) => {
		// A VMDK carries its own file name, hence the final one from the start.
		const name = basename(outputPath);
		await toolsIn({
			cwd: folder,
		})`qemu-img convert -f raw ${options} ${resolve(rawImage)} ${name}`;
		await fixIdentifiers?.(join(folder, name), seed);
		await rename(join(folder, name), outputPath);
	});
}
