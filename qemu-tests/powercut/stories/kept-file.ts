import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { SECTOR_BYTES } from "../../../partitioning/layout.ts";
import {
	builtImage,
	type Console,
	copyOf,
	type Disk,
	eventually,
	existingDisk,
	Machine,
	type TargetName,
} from "../../machine/index.ts";
import { installedDisk } from "../../system/base.ts";
import {
	loginPage,
	logins,
	managerSession,
	outputOf,
	watchInstallation,
} from "../../system/steps.ts";
import { ext } from "../file-systems.ts";
import { Fault } from "../story.ts";

const quiet = $({ quiet: true });
const path = "/home/admin/kept";
const content = Buffer.from("kept by its owner\n".repeat(500_000));
const sum = createHash("sha256").update(content).digest("hex");

/** Returns an installed raw disk with a file of its owner. */
export function diskWithKeptFile({
	sizeGB,
	target = "x86_64",
}: {
	sizeGB?: number;
	target?: TargetName;
} = {}): Disk {
	return async (directory, name) => {
		const disk = join(directory, `${name}.raw`);
		if (target !== "x86_64") await installGateway(target, directory, name);
		else {
			const { path: installed } = await installedDisk();
			await quiet`qemu-img convert -O raw ${installed} ${disk}`;
		}
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

/** Waits until the system runs and no update is in progress, and checks the file. */
export async function assertKeptFile(machine: Machine): Promise<void> {
	await loginPage(machine, { timeoutMs: 25 * 60_000 });
	await managerSession(machine);
	await machine.console.login(...logins.root);
	await waitForUpdateEnd(machine.console);
	const found = await outputOf(machine.console, `sha256sum /mnt/sda2${path}`);
	if (!found.startsWith(sum)) throw new Error(`${path} has changed`);
}

/** Resolves when no update is in progress. Root is logged in at the console. */
export async function waitForUpdateEnd(console: Console): Promise<void> {
	await eventually("no update is in progress", async () => {
		const show = "/usr/lib/app-platform/boot-partition show";
		const state = await outputOf(console, show);
		return /^UPDATE=none$/m.test(state) || undefined;
	});
}

/** Installs a gateway in a raw file of the smallest possible size. */
async function installGateway(
	target: TargetName,
	directory: string,
	name: string,
): Promise<void> {
	const image = { path: builtImage("img", target), format: "raw" } as const;
	const disk = await copyOf(image, { sizeMB: 2_500 })(directory, name);
	const machine = new Machine({
		name: `powercut-${target}-before`,
		target,
		disks: [existingDisk(disk)],
	});
	try {
		await machine.boot();
		await watchInstallation(machine, { timeoutMs: 15 * 60_000 });
		await loginPage(machine, { timeoutMs: 12 * 60_000 });
		await machine.console.login(...logins.root);
		machine.console.send("poweroff\n");
		await machine.waitForPowerOff();
	} finally {
		await machine.discard();
	}
}

/** Writes the file from the host. The system was shut down, so its file system is clean. */
async function writeKept(directory: string, disk: string): Promise<void> {
	const file = join(directory, "kept");
	await writeFile(file, content);
	const table = await quiet`sfdisk --json ${disk}`;
	const { partitions } = (
		JSON.parse(table.stdout) as {
			partitiontable: { partitions: { start: number }[] };
		}
	).partitiontable;
	const partition = `${disk}?offset=${(partitions[1]?.start ?? 0) * SECTOR_BYTES}`;
	await quiet`debugfs -w -R ${`write ${file} ${path}`} ${partition}`;
}
