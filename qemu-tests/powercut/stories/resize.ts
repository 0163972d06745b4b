import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { partitionExtents, vmLayout } from "../../../partitioning/layout.ts";
import { installedDisk } from "../../system/base.ts";
import { enterRescue, runUntilRestart } from "../../system/rescue.ts";
import { logins, managerSession, outputOf } from "../../system/steps.ts";
import { Fault } from "../check.ts";
import { ext } from "../file-systems.ts";
import type { Story } from "../story.ts";

const quiet = $({ quiet: true });
const sizeGB = 20;
const kept = "/home/admin/kept";
const keptContent = Buffer.from("kept by its owner\n".repeat(500_000));
const keptSum = createHash("sha256").update(keptContent).digest("hex");

/** The data partition grows with its disk, in rescue, as the documents say it. */
export const resize: Story = {
	name: "resize",
	async disk(directory, name) {
		const path = join(directory, `${name}.raw`);
		const { path: installed } = await installedDisk();
		await quiet`qemu-img convert -O raw ${installed} ${path}`;
		await writeKept(directory, path);
		await quiet`truncate --size ${sizeGB}G ${path}`;
		return { path, format: "raw" };
	},
	async run(machine) {
		await enterRescue(machine);
		// One recording is from power-on to power-off.
		await runUntilRestart(machine, "/home/root/install.sh log.txt resize", {
			afresh: false,
		});
	},
	async checkData(partition) {
		const whole = { startBytes: 0, sizeBytes: 0 };
		const content = await ext(partition, whole)
			.read(kept)
			.catch(() => Buffer.alloc(0));
		if (!content.equals(keptContent)) throw new Fault(`${kept} is lost`);
	},
	async holds(machine) {
		await managerSession(machine);
		await machine.console.login(...logins.root);
		const sum = await outputOf(machine.console, `sha256sum /mnt/sda2${kept}`);
		if (!sum.startsWith(keptSum)) throw new Error(`${kept} has changed`);
	},
};

/** From the host: the system was shut down, its file system is clean. */
async function writeKept(directory: string, disk: string): Promise<void> {
	const file = join(directory, "kept");
	await writeFile(file, keptContent);
	const installedBytes = vmLayout.imageBytes;
	const data = partitionExtents(vmLayout, installedBytes).find(
		({ number }) => number === 2,
	);
	const place = `${disk}?offset=${data?.startBytes}`;
	await quiet`debugfs -w -R ${`write ${file} ${kept}`} ${place}`;
}
