import { createHash } from "node:crypto";
import { join } from "node:path";
import {
	type DiskLayout,
	MIB,
	partitionExtents,
	SECTOR_BYTES,
} from "../../partitioning/layout.ts";
import {
	type BootFilesBefore,
	type BootPartition,
	BootPartitionCheck,
	type SlotContent,
} from "./boot-partition.ts";
import type { DiskState } from "./disk-state.ts";
import {
	backupLabel,
	ext,
	primaryLabel,
	repaired,
	withTemporaryDirectory,
} from "./file-systems.ts";
import { rootfsFault } from "./rootfs.ts";
import { Fault } from "./story.ts";
import type { Range } from "./write-log.ts";

/** Parts of a disk that are tracked separately. */
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

/** The number of cached results. */
const maxCached = 60;
const bootCodeBytes = 440;
const installedMarkPath = "/.app-platform-installed";

/** The content of the disk before the story that must not change. */
interface Before {
	bootCode: Buffer;
	bootLoader: Buffer;
	/** What UEFI firmware reads of sda1; empty if the layout has no such part. */
	efi: Buffer;
	table: Buffer;
	boot: BootFilesBefore;
	hasData: boolean;
}

/** Checks a disk from the host as its next boot sees it. Never writes to it. */
export class DiskCheck {
	readonly #state: DiskState;
	readonly #layout: DiskLayout;
	readonly #boot: BootPartitionCheck;
	readonly #extents: readonly Range[];
	readonly #checkData: ((dataPartition: string) => Promise<void>) | undefined;
	readonly #cache = new Map<string, Promise<unknown>>();
	#before: Before | undefined;

	/** `checkData` checks a copy of sda2 after its journal was replayed. */
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

	/** Returns what is wrong with the disk, or undefined. */
	async fault(): Promise<string | undefined> {
		try {
			this.#before ??= await this.#look();
			const before = this.#before;
			this.#checkBootSector(before);
			const hasSystem = this.#checkTable(before);
			const boot = await this.#once("sda1", () =>
				this.#checkBootPartition(before),
			);
			await this.#checkSystem(boot, hasSystem);
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
			efi: this.#readEfi(),
			boot: await this.#boot.before(),
			hasData:
				(await primaryLabel(this.#state.path, this.#dataExtent())) === "data",
		};
	}

	#checkBootSector({ bootCode, bootLoader }: Before): void {
		const sector = this.#state.read(this.#extent("boot sector"));
		if (!sector.subarray(0, bootCodeBytes).equals(bootCode))
			throw new Fault("the boot code in the first sector has changed");
		if (!this.#state.read(this.#extent("boot loader")).equals(bootLoader))
			throw new Fault("the data before sda1 has changed");
	}

	/** Reads the FAT volume inside sda1: its boot sector and its area. */
	#readEfi(): Buffer {
		const { efiArea } = this.#layout.boot;
		if (!efiArea) return Buffer.alloc(0);
		const { startBytes } = this.#extent("sda1");
		const area = { ...efiArea, startBytes: startBytes + efiArea.startBytes };
		const sector = { startBytes, sizeBytes: SECTOR_BYTES };
		return Buffer.concat(
			[sector, area].map((range) => this.#state.read(range)),
		);
	}

	/** Returns whether the table has the partitions that an installation creates. */
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
				throw new Fault(`the partition table has a wrong sda${number}`);
		}
		return true;
	}

	/** Checks sda1, also after the repair that precedes any write. */
	async #checkBootPartition({ boot, efi }: Before): Promise<BootPartition> {
		if (!this.#readEfi().equals(efi))
			throw new Fault("the boot loader of UEFI firmware has changed");
		const found = await this.#boot.look(boot);
		const started = found.slots.get(found.slot) as SlotContent;
		await this.#withCopy("sda1", (copy) =>
			this.#boot.checkRepair(copy, started),
		);
		return found;
	}

	/** Checks that the system on sda3 is complete if it boots by itself or is marked as installed. */
	async #checkSystem(
		{ menu, slot, slots }: BootPartition,
		hasSystem: boolean,
	): Promise<void> {
		const wanted = slots.get(menu.trialSlot ?? slot);
		const mark = hasSystem
			? await this.#once("sda3", () => this.#installedMark())
			: Buffer.alloc(0);
		const isMarked = wanted !== undefined && mark.toString() === wanted.sums;
		const reason =
			menu.entry === "system"
				? "the menu boots the system"
				: menu.trialSlot
					? "the new system is on trial"
					: isMarked
						? "sda3 is marked as installed"
						: undefined;
		// An update starts only when its slot is complete, even where the previous system would be kept.
		const installSlot = menu.installSlot ?? (reason ? undefined : slot);
		if (installSlot) {
			const installed = slots.get(installSlot);
			if (!installed || installed.fault)
				throw new Fault(
					`the slot to install is ${installed?.fault ?? "missing"}`,
				);
		}
		if (!reason) return;
		if (!hasSystem) throw new Fault(`${reason}, but there is no sda3`);
		if (!wanted) throw new Fault(`${reason}, but its slot is missing`);
		if (!(await this.#isMountable("sda3")))
			throw new Fault(`${reason}, but sda3's superblock is not valid`);
		const fault = await this.#once("sda3", () => this.#rootfsFault(wanted), {
			also: sha256(Buffer.from(wanted.sums)),
		});
		if (fault) throw new Fault(`${reason}, but ${fault}`);
	}

	/** Returns whether the kernel mounts it; the kernel does not try a backup superblock. */
	async #isMountable(part: Part): Promise<boolean> {
		const label = await primaryLabel(this.#state.path, this.#extent(part));
		return label !== undefined;
	}

	/** Reads the mark as the rescue system does, which cannot mount everything that the host can read. */
	async #installedMark(): Promise<Buffer> {
		if (!(await this.#isMountable("sda3"))) return Buffer.alloc(0);
		return ext(this.#state.path, this.#extent("sda3"))
			.read(installedMarkPath)
			.catch(() => Buffer.alloc(0));
	}

	async #rootfsFault({ sums }: SlotContent): Promise<string | undefined> {
		const archiveSum = /^(\w+) {2}rootfs\.tar\.xz$/m.exec(sums)?.[1] ?? "";
		const { complaint, result } = await this.#repaired("sda3", (copy) =>
			rootfsFault(copy, archiveSum),
		);
		return complaint ? `sda3: ${complaint}` : result;
	}

	/** Checks sda2 as the next boot handles it: created or kept, also by `has_lost_superblock`. */
	async #checkDataPartition(): Promise<void> {
		const hadData = this.#before?.hasData === true;
		const first = await primaryLabel(this.#state.path, this.#dataExtent());
		const label = first ?? (await this.#withCopy("sda2", backupLabel));
		if (label !== "data") {
			if (hadData) throw new Fault("sda2 has lost its label");
			return;
		}
		const { complaint } = await this.#repaired("sda2", async (copy) => {
			if (hadData) await this.#checkData?.(copy);
		});
		if (complaint) throw new Fault(`sda2: ${complaint}`);
	}

	/** Checks a copy of the partition after the repair at boot. */
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
		return withTemporaryDirectory(async (directory) => {
			const copy = join(directory, "partition");
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

	/** The extent in the current partition table, since sda2 can grow. */
	#dataExtent(): Range {
		const sector = this.#state.read(this.#extent("boot sector"));
		const row = partitionRows(sector.subarray(bootCodeBytes))[1];
		const sectors = row?.readUInt32LE(6) ?? 0;
		const { startBytes, sizeBytes } = this.#extent("sda2");
		return { startBytes, sizeBytes: sectors * SECTOR_BYTES || sizeBytes };
	}

	/** Runs the check only when the part has changed; otherwise returns the cached result. */
	#once<Result>(
		part: Part,
		look: () => Promise<Result>,
		{ also = look.toString() } = {},
	): Promise<Result> {
		const key = `${part} ${this.#state.version(parts.indexOf(part))} ${also}`;
		const result = this.#cache.get(key) ?? look();
		this.#cache.set(key, result);
		const [oldest] = this.#cache.keys();
		if (this.#cache.size > maxCached && oldest) this.#cache.delete(oldest);
		return result as Promise<Result>;
	}
}

/** Returns flag, type, start and size of each row; the CHS fields are ignored. */
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
