import { createHash } from "node:crypto";
import { join } from "node:path";
import {
	type DiskLayout,
	MIB,
	partitionExtents,
} from "../../partitioning/layout.ts";
import {
	type BootFilesBefore,
	type BootPartition,
	BootPartitionCheck,
	type SetOfFiles,
} from "./boot-partition.ts";
import { type DiskState, SECTOR_BYTES } from "./disk-state.ts";
import { Fault } from "./fault.ts";
import {
	ext,
	firstLabel,
	repaired,
	secondLabel,
	withFolder,
} from "./file-systems.ts";
import { rootfsFault } from "./rootfs.ts";
import type { Range } from "./write-log.ts";

/** Parts of a disk whose changes are told apart. */
export const parts = [
	"boot sector",
	"boot loader",
	"sda1",
	"sda3",
	"sda4",
	"sda2",
] as const;
export type Part = (typeof parts)[number];

export function extents(layout: DiskLayout, diskBytes: number): Range[] {
	return [
		{ startBytes: 0, sizeBytes: SECTOR_BYTES },
		{ startBytes: SECTOR_BYTES, sizeBytes: MIB - SECTOR_BYTES },
		...partitionExtents(layout, diskBytes),
	];
}

/** Of a partition and its repeated small changes. */
const mostKnown = 60;
const bootCodeBytes = 440;
const installedMark = "/.app-platform-installed";

/** What the disk held before the story and what must stay so. */
interface Before {
	bootCode: Buffer;
	bootLoader: Buffer;
	table: Buffer;
	boot: BootFilesBefore;
	hasData: boolean;
}

/** Looks at a disk from the host as its next start would: reads it, and never writes to it. */
export class DiskCheck {
	readonly #state: DiskState;
	readonly #layout: DiskLayout;
	readonly #boot: BootPartitionCheck;
	readonly #extents: readonly Range[];
	readonly #checkData: ((dataPartition: string) => Promise<void>) | undefined;
	readonly #known = new Map<string, Promise<unknown>>();
	#before: Before | undefined;

	/** `checkData` looks at a copy of sda2 after its journal was replayed. */
	constructor(
		state: DiskState,
		layout: DiskLayout,
		checkData?: (dataPartition: string) => Promise<void>,
	) {
		this.#state = state;
		this.#layout = layout;
		this.#extents = extents(layout, state.sizeBytes);
		this.#boot = new BootPartitionCheck(
			layout,
			state.path,
			this.#extent("sda1").startBytes,
		);
		this.#checkData = checkData;
	}

	/** Why this disk must not be so, or undefined when it is in order. */
	async fault(): Promise<string | undefined> {
		try {
			this.#before ??= await this.#look();
			const before = this.#before;
			this.#checkBootSector(before);
			const hasSystem = this.#checkTable(before);
			const sets = await this.#once("sda1", () =>
				this.#checkBootPartition(before.boot),
			);
			await this.#checkSystem(sets, hasSystem);
			if (hasSystem)
				await this.#once("sda2", () => this.#checkDataPartition(), {
					also: String(this.#dataExtent().sizeBytes),
				});
			return undefined;
		} catch (error) {
			if (error instanceof Fault) return error.message;
			throw error;
		}
	}

	async #look(): Promise<Before> {
		const sector = this.#state.read(this.#extent("boot sector"));
		return {
			bootCode: sector.subarray(0, bootCodeBytes),
			table: sector.subarray(bootCodeBytes),
			bootLoader: this.#state.read(this.#extent("boot loader")),
			boot: await this.#boot.before(),
			hasData:
				(await firstLabel(this.#state.path, this.#dataExtent())) === "data",
		};
	}

	#checkBootSector({ bootCode, bootLoader }: Before): void {
		const sector = this.#state.read(this.#extent("boot sector"));
		if (!sector.subarray(0, bootCodeBytes).equals(bootCode))
			throw new Fault("the boot code in the first sector has changed");
		if (!this.#state.read(this.#extent("boot loader")).equals(bootLoader))
			throw new Fault("what lies before sda1 has changed");
	}

	/** Whether the table has the partitions that an installation makes. */
	#checkTable({ table: tableBefore }: Before): boolean {
		const sector = this.#state.read(this.#extent("boot sector"));
		const table = sector.subarray(bootCodeBytes);
		const rows = partitionRows(table);
		const [boot, ...others] = rows;
		if (
			!isSame(table.subarray(0, 6), tableBefore.subarray(0, 6)) ||
			!isSame(table.subarray(-2), tableBefore.subarray(-2)) ||
			!boot ||
			!isSame(boot, partitionRows(tableBefore)[0])
		)
			throw new Fault("the signature or sda1 in the partition table is gone");
		if (others.every((row) => row.every((byte) => byte === 0))) return false;
		if (table.equals(tableBefore)) return true;
		for (const { number, startBytes, sizeBytes } of partitionExtents(
			this.#layout,
			this.#state.sizeBytes,
		)) {
			const row = rows[number - 1];
			if (
				row?.readUInt32LE(2) !== startBytes / SECTOR_BYTES ||
				row.readUInt32LE(6) !== sizeBytes / SECTOR_BYTES
			)
				throw new Fault(`the partition table has no right sda${number}`);
		}
		return true;
	}

	/** Also after the repair that comes before anything is written there. */
	async #checkBootPartition(before: BootFilesBefore): Promise<BootPartition> {
		const found = await this.#boot.look(before);
		const started = found.sets.get(found.slot) as SetOfFiles;
		await this.#withCopy("sda1", (copy) =>
			this.#boot.checkRepair(copy, started),
		);
		return found;
	}

	/** The system on sda3: complete, where it starts by itself or the ramdisk says it is. */
	async #checkSystem(
		{ menu, slot, sets }: BootPartition,
		hasSystem: boolean,
	): Promise<void> {
		const wanted = sets.get(menu.trialSlot ?? slot);
		const mark = hasSystem
			? await this.#once("sda3", () => this.#installedMark())
			: Buffer.alloc(0);
		const isMarked = wanted !== undefined && mark.toString() === wanted.sums;
		const starts =
			menu.entry === "system"
				? "the menu starts the system"
				: menu.trialSlot
					? "the new system is tried"
					: isMarked
						? "sda3 is marked as installed"
						: undefined;
		// Also where the system before would be kept: an update begins with a set that is there.
		const installSlot = menu.installSlot ?? (starts ? undefined : slot);
		if (installSlot) {
			const installed = sets.get(installSlot);
			if (!installed || installed.fault)
				throw new Fault(
					`what is to be installed is ${installed?.fault ?? "missing"}`,
				);
		}
		if (!starts) return;
		if (!hasSystem) throw new Fault(`${starts}, but there is no sda3`);
		if (!wanted) throw new Fault(`${starts}, but its set is gone`);
		if (!(await this.#isMountable("sda3")))
			throw new Fault(`${starts}, but sda3's superblock is not valid`);
		const fault = await this.#once("sda3", () => this.#rootfsFault(wanted), {
			also: sha256(Buffer.from(wanted.sums)),
		});
		if (fault) throw new Fault(`${starts}, but ${fault}`);
	}

	/** Whether the kernel takes it, which does not look for another superblock. */
	async #isMountable(part: Part): Promise<boolean> {
		const label = await firstLabel(this.#state.path, this.#extent(part));
		return label !== undefined;
	}

	/** As the ramdisk sees it, which cannot mount all that the host reads. */
	async #installedMark(): Promise<Buffer> {
		if (!(await this.#isMountable("sda3"))) return Buffer.alloc(0);
		return ext(this.#state.path, this.#extent("sda3"))
			.read(installedMark)
			.catch(() => Buffer.alloc(0));
	}

	async #rootfsFault({ sums }: SetOfFiles): Promise<string | undefined> {
		const archiveSum = /^(\w+) {2}rootfs\.tar\.xz$/m.exec(sums)?.[1] ?? "";
		const { complaint, result } = await this.#repaired("sda3", (copy) =>
			rootfsFault(copy, archiveSum),
		);
		return complaint ? `sda3: ${complaint}` : result;
	}

	/** What the next start makes of sda2: new or kept, by `has_lost_superblock` too. */
	async #checkDataPartition(): Promise<void> {
		const hadData = this.#before?.hasData === true;
		const first = await firstLabel(this.#state.path, this.#dataExtent());
		const label = first ?? (await this.#withCopy("sda2", secondLabel));
		if (label !== "data") {
			if (hadData) throw new Fault("sda2 has lost its label");
			return;
		}
		const { complaint } = await this.#repaired("sda2", async (copy) => {
			if (hadData) await this.#checkData?.(copy);
		});
		if (complaint) throw new Fault(`sda2: ${complaint}`);
	}

	/** A copy of the partition after what a start does first. */
	#repaired<Result>(
		part: Part,
		look: (copy: string) => Promise<Result | undefined> = async () => undefined,
	) {
		return this.#withCopy(part, (copy) =>
			repaired(copy, look, { isData: part === "sda2" }),
		);
	}

	#withCopy<Result>(
		part: Part,
		look: (copy: string) => Promise<Result>,
	): Promise<Result> {
		return withFolder(async (folder) => {
			const copy = join(folder, "partition");
			this.#state.copy(
				part === "sda2" ? this.#dataExtent() : this.#extent(part),
				copy,
			);
			return look(copy);
		});
	}

	#extent(part: Part): Range {
		return this.#extents[parts.indexOf(part)] as Range;
	}

	/** As the partition table has it now: sda2 grows. */
	#dataExtent(): Range {
		const sector = this.#state.read(this.#extent("boot sector"));
		const row = partitionRows(sector.subarray(bootCodeBytes))[1];
		const sectors = row?.readUInt32LE(6) ?? 0;
		const { startBytes, sizeBytes } = this.#extent("sda2");
		return { startBytes, sizeBytes: sectors * SECTOR_BYTES || sizeBytes };
	}

	/** Looks again only when the part has changed. */
	#once<Result>(
		part: Part,
		look: () => Promise<Result>,
		{ also = look.toString() } = {},
	): Promise<Result> {
		const key = `${part} ${this.#state.version(parts.indexOf(part))} ${also}`;
		const known = this.#known.get(key) ?? look();
		this.#known.set(key, known);
		const [oldest] = this.#known.keys();
		if (this.#known.size > mostKnown && oldest) this.#known.delete(oldest);
		return known as Promise<Result>;
	}
}

/** Flag, type, start and size of each; the fields of cylinders and heads mean nothing. */
function partitionRows(table: Buffer): Buffer[] {
	return [0, 1, 2, 3].map((row) => {
		const bytes = table.subarray(6 + 16 * row, 6 + 16 * (row + 1));
		return Buffer.concat([
			bytes.subarray(0, 1),
			bytes.subarray(4, 5),
			bytes.subarray(8, 16),
		]);
	});
}

function isSame(one: Buffer, other: Buffer | undefined): boolean {
	return other !== undefined && one.equals(other);
}

function sha256(content: Buffer): string {
	return createHash("sha256").update(content).digest("hex");
}
