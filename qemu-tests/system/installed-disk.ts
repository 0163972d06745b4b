import type { TestFn } from "ava";
import {
	type DiskLayout,
	MAX_DISK_BYTES,
	MIB,
	mbrType,
} from "../../partitioning/layout.ts";
import type { Machine } from "../machine/index.ts";
import { partitions } from "./partitions.ts";
import { logins, outputOf } from "./steps.ts";

/** Tests of a disk after an installation. The installed system runs; nobody is logged in. */
export function installedDiskTests(
	test: TestFn,
	machine: Machine,
	layout: DiskLayout,
): void {
	const partitionsOfLayout = [layout.boot, ...layout.installed];

	test.serial("lets root log in on the console", async (t) => {
		await machine.console.login(...logins.root);
		t.is((await outputOf(machine.console, "whoami")).trim(), "root");
	});

	test.serial("only root can read password hashes", async (t) => {
		const mode = "stat -L -c '%a %U' /etc/shadow";
		t.is((await outputOf(machine.console, mode)).trim(), "600 root");
	});

	test.serial("has an installation log that ends with finished", async (t) => {
		const log = await outputOf(machine.console, "cat /apps/install_step1.log");
		t.is(log.trim().split("\n").at(-1), "finished");
	});

	test.serial("has the four partitions", async (t) => {
		const { found } = await partitions(machine.console);
		t.like(
			found.map(({ number, mbrType, fileSystem, label }) => ({
				number,
				mbrType,
				fileSystem,
				label,
			})),
			partitionsOfLayout.map((partition) => ({
				number: partition.number,
				mbrType: mbrType(partition).toString(16),
				// The name that blkid prints.
				fileSystem:
					partition.fileSystem === "fat32" ? "vfat" : partition.fileSystem,
				label: partition.label,
			})),
		);
	});

	test.serial("gives the data partition the rest of the disk", async (t) => {
		const { diskBytes, found } = await partitions(machine.console);
		const data = found.at(-1);
		if (!data) return t.fail();
		t.deepEqual(
			found.slice(0, -1).map(({ sizeBytes }) => sizeBytes),
			partitionsOfLayout.slice(0, -1).map(({ sizeBytes }) => sizeBytes),
		);
		const unused =
			Math.min(diskBytes, MAX_DISK_BYTES) - (data.startBytes + data.sizeBytes);
		t.true(unused >= 0 && unused <= 2 * MIB, `${unused} bytes are unused`);
		const size = await outputOf(
			machine.console,
			"df -k /mnt/sda2 | awk 'END { print $2 }'",
		);
		t.true(Number(size) * 1024 > 0.95 * data.sizeBytes);
	});

	test.serial("uses the swap and mounts the data partition", async (t) => {
		const swaps = await outputOf(machine.console, "cat /proc/swaps");
		const [, usedKB] = /partition\s+(\d+)/.exec(swaps) ?? [];
		const swap = layout.installed.find(({ label }) => label === "swap");
		// The first page is its header.
		t.is(Number(usedKB) * 1024, (swap?.sizeBytes ?? 0) - 4096);
		const mounts = await outputOf(machine.console, "cat /proc/mounts");
		t.regex(mounts, / \/mnt\/sda2 ext4 rw/);
		t.regex(mounts, / \/ ext4 rw/);
	});
}
