import { createHash } from "node:crypto";
import { join } from "node:path";
import { MIB, partitionExtents, vmLayout } from "../../partitioning/layout.ts";
import { menuState, startedSlot } from "./boot-menu.ts";
import { type DiskState, SECTOR_BYTES } from "./disk-state.ts";
import {
	ext,
	firstLabel,
	repaired,
	repairedBoot,
	secondLabel,
	withFolder,
} from "./file-systems.ts";
import { learnRootfs, rootfsFault } from "./rootfs.ts";
import type { Range } from "./write-log.ts";

/** The reason why a disk would not start, or would start something incomplete. */
export class Fault extends Error {
	override name = "Fault";
}

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

export function extents(diskBytes: number): Range[] {
	return [
		{ startBytes: 0, sizeBytes: SECTOR_BYTES },
		{ startBytes: SECTOR_BYTES, sizeBytes: MIB - SECTOR_BYTES },
		...partitionExtents(vmLayout, diskBytes),
	];
}

/** Of a partition and its repeated small changes. */
const mostKnown = 60;
const bootCodeBytes = 440;
const menuPath = "/boot/grub/grub.cfg";
const installedMark = "/.app-platform-installed";

/** What the disk held before the story and what must stay so. */
interface Before {
	bootCode: Buffer;
	bootLoader: Buffer;
	table: Buffer;
	menu: string;
	hasData: boolean;
}

/** Looks at a disk from the host as its next start would: reads it, and never writes to it. */
export class DiskCheck {
	readonly #state: DiskState;
	readonly #extents: readonly Range[];
	readonly #checkData: ((dataPartition: string) => Promise<void>) | undefined;
	readonly #known = new Map<string, Promise<unknown>>();
	#before: Before | undefined;

	/** `checkData` looks at a copy of sda2 after its journal was replayed. */
	constructor(
		state: DiskState,
		checkData?: (dataPartition: string) => Promise<void>,
	) {
		this.#state = state;
		this.#extents = extents(state.sizeBytes);
		this.#checkData = checkData;
	}

	/** Why this disk must not be so, or undefined when it is in order. */
	async fault(): Promise<string | undefined> {
		try {
			this.#before ??= await this.#look();
			this.#checkBootSector(this.#before);
			const hasSystem = this.#checkTable(this.#before);
			const sets = await this.#once("sda1", () => this.#checkBootPartition());
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
			menu: await this.#bootFile(menuPath),
			hasData:
				(await firstLabel(this.#state.path, this.#dataExtent())) === "data",
		};
	}

	#checkBootSector({ bootCode, bootLoader }: Before): void {
		const sector = this.#state.read(this.#extent("boot sector"));
		if (!sector.subarray(0, bootCodeBytes).equals(bootCode))
			throw new Fault("the boot code in the first sector has changed");
		if (!this.#state.read(this.#extent("boot loader")).equals(bootLoader))
			throw new Fault("GRUB's core image has changed");
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
			vmLayout,
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

	/** The menu and the sets, as GRUB reads them: without a repair. */
	async #checkBootPartition(): Promise<BootPartition> {
		const menu = menuState(await this.#bootFile(menuPath));
		const fault = menu.differs(this.#before?.menu ?? "");
		if (fault) throw new Fault(`the menu ${fault}`);
		const sets = new Map<string, SetOfFiles>();
		for (const slot of ["a", "b"]) {
			const content = await this.#set(slot);
			if (content) sets.set(slot, content);
		}
		const slot = startedSlot(menu.slot, sets);
		const started = sets.get(slot);
		if (!started) throw new Fault("there is no set of files to start");
		if (started.fault) throw new Fault(`set ${slot}: ${started.fault}`);
		await this.#checkSetAfterRepair(sets, slot);
		return { menu, slot, sets };
	}

	/** Before anything is written there, a start repairs sda1 as `repair_boot` does. */
	async #checkSetAfterRepair(
		sets: ReadonlyMap<string, SetOfFiles>,
		slot: string,
	): Promise<void> {
		const fault = await this.#withCopy("sda1", async (copy) => {
			if (!(await repairedBoot(copy))) return "e2fsck -f -y does not repair it";
			const whole = { startBytes: 0, sizeBytes: 0 };
			for (const line of sets.get(slot)?.sums.trimEnd().split("\n") ?? []) {
				const [sum, name] = line.split("  ");
				const content = await ext(copy, whole)
					.read(`/${slot}/${name}`)
					.catch(() => Buffer.alloc(0));
				if (sha256(content) !== sum) return `${name} is lost by the repair`;
			}
			return undefined;
		});
		if (fault) throw new Fault(`sda1: ${fault}`);
	}

	async #set(slot: string): Promise<SetOfFiles | undefined> {
		const sums = await this.#bootFile(`/${slot}/SHA256SUMS`).catch(() => "");
		if (!sums) return undefined;
		let fault: string | undefined;
		for (const line of sums.trimEnd().split("\n")) {
			const [sum, name] = line.split("  ");
			const content = await this.#bootFileBytes(`/${slot}/${name}`).catch(() =>
				Buffer.alloc(0),
			);
			if (sha256(content) !== sum) fault ??= `${name} is damaged`;
			else if (name === "rootfs.tar.xz") await learnRootfs(sum, content);
		}
		return { sums, fault };
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
		if (!starts) {
			const installed = sets.get(menu.installSlot ?? slot);
			if (!installed || installed.fault)
				throw new Fault(
					`what is to be installed is ${installed?.fault ?? "missing"}`,
				);
			return;
		}
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

	async #bootFile(path: string): Promise<string> {
		return (await this.#bootFileBytes(path)).toString("utf8");
	}

	#bootFileBytes(path: string): Promise<Buffer> {
		return ext(this.#state.path, this.#extent("sda1")).read(path);
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

/** One version of the system on sda1. */
interface SetOfFiles {
	/** The text of its SHA256SUMS. */
	sums: string;
	/** What is wrong with its files. */
	fault: string | undefined;
}

interface BootPartition {
	menu: ReturnType<typeof menuState>;
	/** Of the set that GRUB starts. */
	slot: string;
	sets: ReadonlyMap<string, SetOfFiles>;
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
