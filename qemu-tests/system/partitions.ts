import { $ } from "zx";
import type { Console, Machine } from "../machine/index.ts";
import { outputOf } from "./steps.ts";

const quiet = $({ quiet: true });
const KiB = 1024;

export type PartitionFound = {
	number: number;
	startBytes: number;
	sizeBytes: number;
	/** The type byte of the MBR, as sfdisk writes it. */
	mbrType: string;
	fileSystem: string;
	label: string;
};

type SfdiskTable = {
	partitiontable: {
		label: string;
		sectorsize: number;
		partitions: { node: string; start: number; size: number; type: string }[];
	};
};

/** Returns the partitions of the disk that the guest booted from, in the order on the disk. Needs root. */
export async function partitions(
	console: Console,
): Promise<{ diskBytes: number; found: PartitionFound[] }> {
	const boot = (await outputOf(console, "readlink -f /dev/sda1")).trim();
	const disk = boot.replace(/p?1$/, "");
	const diskBytes = Number(
		await outputOf(console, `blockdev --getsize64 ${disk}`),
	);
	const { partitiontable } = JSON.parse(
		await outputOf(console, `sfdisk --json ${disk} 2>/dev/null`),
	) as SfdiskTable;
	const found: PartitionFound[] = [];
	for (const { node, start, size, type } of partitiontable.partitions) {
		const probe = async (tag: string) =>
			(await outputOf(console, `blkid -p -s ${tag} -o value ${node}`)).trim();
		found.push({
			number: Number(/\d$/.exec(node)?.[0]),
			startBytes: start * partitiontable.sectorsize,
			sizeBytes: size * partitiontable.sectorsize,
			mbrType: type,
			fileSystem: await probe("TYPE"),
			label: await probe("LABEL"),
		});
	}
	found.sort((a, b) => a.startBytes - b.startBytes);
	return { diskBytes, found };
}

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
