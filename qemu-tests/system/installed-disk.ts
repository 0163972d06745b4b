import type { TestFn } from "ava";
import type { Machine } from "../machine/index.ts";
import { partitions } from "./partitions.ts";
import { logins, outputOf } from "./steps.ts";

const MiB = 1024 * 1024;
/** The limit of an MBR: 2 TiB. */
const maxAddressableBytes = 2 * 1024 * 1024 * MiB;

/** The first partition, which is part of the image; the installation creates the others. */
export type BootPartition = {
	mbrType: string;
	fileSystem: string;
	label: string;
	sizeMiB: number;
};

/** Tests of a disk after an installation. The installed system runs; nobody is logged in. */
export function installedDiskTests(
	test: TestFn,
	machine: Machine,
	{ sizeMiB, mbrType, fileSystem, label }: BootPartition,
): void {
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
			[
				{ number: 1, mbrType, fileSystem, label },
				{ number: 3, mbrType: "83", fileSystem: "ext4", label: "rootfs" },
				{ number: 4, mbrType: "82", fileSystem: "swap", label: "swap" },
				{ number: 2, mbrType: "83", fileSystem: "ext4", label: "data" },
			],
		);
	});

	test.serial("gives the data partition the rest of the disk", async (t) => {
		const { diskBytes, found } = await partitions(machine.console);
		const [boot, rootfs, swap, data] = found;
		if (!boot || !rootfs || !swap || !data) return t.fail();
		t.is(boot.sizeBytes, sizeMiB * MiB);
		t.is(rootfs.sizeBytes, 500 * MiB);
		t.is(swap.sizeBytes, 512 * MiB);
		const unused =
			Math.min(diskBytes, maxAddressableBytes) -
			(data.startBytes + data.sizeBytes);
		t.true(unused >= 0 && unused <= 2 * MiB, `${unused} bytes are unused`);
		const size = await outputOf(
			machine.console,
			"df -k /mnt/sda2 | awk 'END { print $2 }'",
		);
		t.true(Number(size) * 1024 > 0.95 * data.sizeBytes);
	});

	test.serial("uses the swap and mounts the data partition", async (t) => {
		const swap = await outputOf(machine.console, "cat /proc/swaps");
		t.regex(swap, /partition\s+5242\d\d/);
		const mounts = await outputOf(machine.console, "cat /proc/mounts");
		t.regex(mounts, / \/mnt\/sda2 ext4 rw/);
		t.regex(mounts, / \/ ext4 rw/);
	});
}
