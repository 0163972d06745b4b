import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { partitionExtents, vmLayout } from "../../../partitioning/layout.ts";
import { type Disk, eventually, type Machine } from "../../machine/index.ts";
import { installedDisk } from "../../system/base.ts";
import {
	loginPage,
	logins,
	managerSession,
	outputOf,
} from "../../system/steps.ts";
import { Fault } from "../check.ts";
import { ext } from "../file-systems.ts";

const quiet = $({ quiet: true });
const path = "/home/admin/kept";
const content = Buffer.from("kept by its owner\n".repeat(500_000));
const sum = createHash("sha256").update(content).digest("hex");

/** An installed disk, raw, with a file of its owner's. */
export function diskWithKeptFile({ sizeGB }: { sizeGB?: number } = {}): Disk {
	return async (directory, name) => {
		const disk = join(directory, `${name}.raw`);
		const { path: installed } = await installedDisk();
		await quiet`qemu-img convert -O raw ${installed} ${disk}`;
		await writeKept(directory, disk);
		if (sizeGB !== undefined) await quiet`truncate --size ${sizeGB}G ${disk}`;
		return { path: disk, format: "raw" };
	};
}

/** @throws Fault when a copy of sda2 does not have the file. */
export async function checkKeptFile(partition: string): Promise<void> {
	const whole = { startBytes: 0, sizeBytes: 0 };
	const found = await ext(partition, whole)
		.read(path)
		.catch(() => Buffer.alloc(0));
	if (!found.equals(content)) throw new Fault(`${path} is lost`);
}

/** The system runs, no update is under way any more, and the file is there. */
export async function keptFileIsThere(machine: Machine): Promise<void> {
	await loginPage(machine, { timeoutMs: 25 * 60_000 });
	await managerSession(machine);
	await machine.console.login(...logins.root);
	await eventually("no update is under way", async () => {
		const show = "/usr/lib/app-platform/boot-partition show";
		const state = await outputOf(machine.console, show);
		return /^UPDATE=none$/m.test(state) || undefined;
	});
	const found = await outputOf(machine.console, `sha256sum /mnt/sda2${path}`);
	if (!found.startsWith(sum)) throw new Error(`${path} has changed`);
}

/** From the host: the system was shut down, its file system is clean. */
async function writeKept(directory: string, disk: string): Promise<void> {
	const file = join(directory, "kept");
	await writeFile(file, content);
	const installedBytes = vmLayout.imageBytes;
	const data = partitionExtents(vmLayout, installedBytes).find(
		({ number }) => number === 2,
	);
	const place = `${disk}?offset=${data?.startBytes}`;
	await quiet`debugfs -w -R ${`write ${file} ${path}`} ${place}`;
}
