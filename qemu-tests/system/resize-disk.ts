import { $ } from "zx";
import type { Machine } from "../machine/index.ts";

const quiet = $({ quiet: true });
const KiB = 1024;

/** Changes the size of the first disk, as the owner does in the hypervisor. The machine must be off. */
export async function resizeDisk(
	machine: Machine,
	change: { toMiB: number } | { byKiB: number },
): Promise<void> {
	const [disk] = await machine.disks();
	if (!disk) throw new Error(`${machine.name} has no disk`);
	const size =
		"toMiB" in change ? `${change.toMiB}M` : `+${change.byKiB * KiB}`;
	await quiet`qemu-img resize -q --shrink -f ${disk.format} ${disk.path} ${size}`;
}
