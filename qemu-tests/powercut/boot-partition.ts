import { createHash } from "node:crypto";
import { posix } from "node:path";
import { bootMenus } from "../../partitioning/boot-menu.ts";
import type { DiskLayout } from "../../partitioning/layout.ts";
import { menuState, startedSlot } from "./boot-menu.ts";
import { Fault } from "./fault.ts";
import { type Files, filesOf, repairedBoot } from "./file-systems.ts";
import { learnRootfs } from "./rootfs.ts";

/** One version of the system on sda1. */
export interface SetOfFiles {
	/** The text of its SHA256SUMS. */
	sums: string;
	/** What is wrong with its files. */
	fault: string | undefined;
	/** Where each of its files lies, by its name. */
	paths: ReadonlyMap<string, string>;
}

export interface BootPartition {
	menu: ReturnType<typeof menuState>;
	/** Of the set that the boot loader starts. */
	slot: string;
	sets: ReadonlyMap<string, SetOfFiles>;
}

/** Files that an update never touches. */
export interface BootFilesBefore {
	menu: string;
	/** What a gateway's own fields name, at the top of the partition. */
	atTop: ReadonlyMap<string, string>;
}

/** Names that a gateway's fields know; every set has them. */
const startedFiles = ["linux", "ramdisk.ext2.xz"];

/** sda1, as it has to be at the next start. */
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
	 * The menu and the sets, as the boot loader reads them: without a repair.
	 * @throws Fault where it would start nothing, or something incomplete.
	 */
	async look(before: BootFilesBefore): Promise<BootPartition> {
		const { bootLoader } = this.#layout;
		const menu = menuState(await this.#menu(), bootLoader);
		const fault = menu.differs(before.menu);
		if (fault) throw new Fault(`the menu ${fault}`);
		for (const [name, sum] of await this.#sumsAtTop())
			if (before.atTop.get(name) !== sum)
				throw new Fault(`/${name}, which a gateway's fields name, has changed`);
		const sets = new Map<string, SetOfFiles>();
		for (const slot of ["a", "b"]) {
			const content = await this.#set(slot);
			if (content) sets.set(slot, content);
		}
		const slot = startedSlot(menu.slot, sets, bootLoader);
		const started = sets.get(slot);
		if (!started) throw new Fault("there is no set of files to start");
		if (started.fault) throw new Fault(`set ${slot}: ${started.fault}`);
		const paths = startedFiles.map((name) => started.paths.get(name));
		for (const path of menu.paths)
			if (!paths.includes(path))
				throw new Fault(`the menu names ${path}, which is not of set ${slot}`);
		return { menu, slot, sets };
	}

	/**
	 * Before anything is written there, a start repairs sda1 as `repair_boot` does.
	 * @param copy of the partition, which is repaired.
	 * @throws Fault where a file of the set is then lost.
	 */
	async checkRepair(copy: string, { sums, paths }: SetOfFiles): Promise<void> {
		const { fileSystem } = this.#layout.boot;
		if (!(await repairedBoot(copy, fileSystem)))
			throw new Fault("sda1 cannot be repaired");
		const files = filesOf(fileSystem, copy, 0);
		for (const [sum, name] of linesOf(sums))
			if (
				sha256(await files.read(paths.get(name) ?? "").catch(() => "")) !== sum
			)
				throw new Fault(`sda1: ${name} is lost by the repair`);
	}

	async #set(slot: string): Promise<SetOfFiles | undefined> {
		const sums = String(
			await this.#files.read(`/${slot}/SHA256SUMS`).catch(() => ""),
		);
		if (!sums) return undefined;
		let fault: string | undefined;
		const paths = new Map<string, string>();
		for (const [sum, name] of linesOf(sums)) {
			const { path, content } = await this.#fileOfSet(slot, name);
			paths.set(name, path);
			if (sha256(content) !== sum) fault ??= `${name} is damaged`;
			else if (name === "rootfs.tar.xz") await learnRootfs(sum, content);
		}
		return { sums, fault, paths };
	}

	/** As `file_of_set` finds it. */
	async #fileOfSet(slot: string, name: string) {
		const inFolder = posix.join("/", slot, name);
		const atTop = posix.join("/", name);
		const found = async (path: string) => ({
			path,
			content: await this.#files.read(path),
		});
		return found(inFolder)
			.catch((error) => {
				if (!bootMenus[this.#layout.bootLoader].kernelAtTop) throw error;
				return found(atTop);
			})
			.catch(() => ({ path: inFolder, content: Buffer.alloc(0) }));
	}

	async #sumsAtTop(): Promise<Map<string, string>> {
		const sums = new Map<string, string>();
		if (bootMenus[this.#layout.bootLoader].kernelAtTop)
			for (const name of startedFiles)
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

/** Sum and name of each line of a SHA256SUMS. */
function linesOf(sums: string): (readonly [string, string])[] {
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
