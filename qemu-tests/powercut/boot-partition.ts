import { createHash } from "node:crypto";
import { posix } from "node:path";
import { bootMenus } from "../../partitioning/boot-menu.ts";
import type { DiskLayout } from "../../partitioning/layout.ts";
import { bootedSlot, menuState } from "./boot-menu.ts";
import { type Files, filesOf, repairedBoot } from "./file-systems.ts";
import { rememberRootfs } from "./rootfs.ts";
import { Fault } from "./story.ts";

/** A slot on sda1. */
export interface SlotContent {
	/** The text of its SHA256SUMS. */
	sums: string;
	/** The first damaged file, if any. */
	fault: string | undefined;
	/** The path of each of its files, by name. */
	paths: ReadonlyMap<string, string>;
}

export interface BootPartition {
	menu: ReturnType<typeof menuState>;
	/** The slot that the boot loader boots. */
	slot: string;
	slots: ReadonlyMap<string, SlotContent>;
}

/** Files that an update never touches. */
export interface BootFilesBefore {
	menu: string;
	/** Sums of the files at the top of the partition, which a gateway's fields name. */
	atTop: ReadonlyMap<string, string>;
}

/** The files that a gateway's fields name; every slot has them. */
const bootFiles = ["linux", "ramdisk.ext2.xz"];

/** Checks sda1 as the next boot sees it. */
export class BootPartitionCheck {
	readonly #layout: DiskLayout;
	readonly #files: Files;

	constructor(layout: DiskLayout, disk: string, startBytes: number) {
		this.#layout = layout;
		this.#files = filesOf(layout.boot.fileSystem, disk, startBytes);
	}

	async before(): Promise<BootFilesBefore> {
		return { menu: await this.#menu(), atTop: await this.#sumsAtTop() };
	}

	/**
	 * Reads the menu and the slots as the boot loader does, without a repair.
	 * @throws Fault when it would boot nothing, or something incomplete.
	 */
	async look(before: BootFilesBefore): Promise<BootPartition> {
		const { bootLoader } = this.#layout;
		const menu = menuState(await this.#menu(), bootLoader);
		const fault = menu.differs(before.menu);
		if (fault) throw new Fault(`the menu ${fault}`);
		for (const [name, sum] of await this.#sumsAtTop())
			if (before.atTop.get(name) !== sum)
				throw new Fault(`/${name}, which a gateway's fields name, has changed`);
		const slots = new Map<string, SlotContent>();
		for (const slot of ["a", "b"]) {
			const content = await this.#readSlot(slot);
			if (content) slots.set(slot, content);
		}
		const slot = bootedSlot(menu.slot, slots, bootLoader);
		const booted = slots.get(slot);
		if (!booted) throw new Fault("there is no slot to boot");
		if (booted.fault) throw new Fault(`slot ${slot}: ${booted.fault}`);
		const paths = bootFiles.map((name) => booted.paths.get(name));
		for (const path of menu.paths)
			if (!paths.includes(path))
				throw new Fault(`the menu names ${path}, which is not in slot ${slot}`);
		return { menu, slot, slots };
	}

	/**
	 * Repairs sda1 as `repair_boot` does before a boot writes to it.
	 * @param copy a copy of the partition, which is repaired.
	 * @throws Fault when the repair loses a file of the slot.
	 */
	async checkRepair(copy: string, { sums, paths }: SlotContent): Promise<void> {
		const { fileSystem } = this.#layout.boot;
		if (!(await repairedBoot(copy, fileSystem)))
			throw new Fault("sda1 cannot be repaired");
		const files = filesOf(fileSystem, copy, 0);
		for (const [sum, name] of parseSums(sums))
			if (
				sha256(await files.read(paths.get(name) ?? "").catch(() => "")) !== sum
			)
				throw new Fault(`sda1: ${name} is lost by the repair`);
	}

	async #readSlot(slot: string): Promise<SlotContent | undefined> {
		const sums = String(
			await this.#files.read(`/${slot}/SHA256SUMS`).catch(() => ""),
		);
		if (!sums) return undefined;
		let fault: string | undefined;
		const paths = new Map<string, string>();
		for (const [sum, name] of parseSums(sums)) {
			const { path, content } = await this.#fileOfSlot(slot, name);
			paths.set(name, path);
			if (sha256(content) !== sum) fault ??= `${name} is damaged`;
			else if (name === "rootfs.tar.xz") await rememberRootfs(sum, content);
		}
		return { sums, fault, paths };
	}

	/** Finds a file of a slot as `slot_file` does. */
	async #fileOfSlot(slot: string, name: string) {
		const inSlot = posix.join("/", slot, name);
		const atTop = posix.join("/", name);
		const found = async (path: string) => ({
			path,
			content: await this.#files.read(path),
		});
		return found(inSlot)
			.catch((error) => {
				if (!bootMenus[this.#layout.bootLoader].kernelAtTop) throw error;
				return found(atTop);
			})
			.catch(() => ({ path: inSlot, content: Buffer.alloc(0) }));
	}

	async #sumsAtTop(): Promise<Map<string, string>> {
		const sums = new Map<string, string>();
		if (bootMenus[this.#layout.bootLoader].kernelAtTop)
			for (const name of bootFiles)
				sums.set(
					name,
					sha256(await this.#files.read(`/${name}`).catch(() => "")),
				);
		return sums;
	}

	async #menu(): Promise<string> {
		const { path } = bootMenus[this.#layout.bootLoader];
		return String(await this.#files.read(`/${path}`));
	}
}

/** Parses a SHA256SUMS into sums and names. */
function parseSums(sums: string): (readonly [string, string])[] {
	return sums
		.trimEnd()
		.split("\n")
		.map((line) => {
			const [sum = "", name = ""] = line.split("  ");
			return [sum, name] as const;
		});
}

function sha256(content: Buffer | string): string {
	return createHash("sha256").update(content).digest("hex");
}
