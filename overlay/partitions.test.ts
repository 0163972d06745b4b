import test from "ava";
import {
	type DiskLayout,
	gatewayLayout,
	MAX_DISK_BYTES,
	MIB,
	mbrType,
	partitionExtents,
	SECTOR_BYTES,
	vmLayout,
} from "../partitioning/layout.ts";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const layouts = { "a virtual machine": vmLayout, "a gateway": gatewayLayout };

/** Returns the rows that the rescue system adds to a disk's table; undefined if the disk is too small. */
function table(
	{ bootLoader, boot }: DiskLayout,
	diskBytes: number,
): string[] | undefined {
	const host = new ScriptsOnHost(bootLoader);
	const sectors = [diskBytes, MIB + (boot.sizeBytes ?? 0)].map(
		(bytes) => bytes / SECTOR_BYTES,
	);
	const { exitCode, output } = host.run(
		"partitions",
		`partition_table_of ${sectors.join(" ")}`,
	);
	host.remove();
	return exitCode === 0 ? output.split("\n") : undefined;
}

test("the data partition is last and uses the remaining space", (t) => {
	t.deepEqual(table(gatewayLayout, 8 * 1024 * MIB), [
		"3 411648 1024000 83",
		"4 1435648 1048576 82",
		"2 2484224 14292992 83",
	]);
	t.deepEqual(table(vmLayout, 16 * 1024 * MIB), [
		"3 718848 1024000 83",
		"4 1742848 1048576 82",
		"2 2791424 30763008 83",
	]);
});

for (const [name, layout] of Object.entries(layouts))
	test(`the rescue system partitions ${name} as its layout says`, (t) => {
		const minBytes = MIB * (1 + 500 + 512 + 1024) + layout.boot.sizeBytes;
		for (const diskBytes of [
			minBytes,
			minBytes + 1.5 * MIB,
			16 * 1024 * MIB,
			2 ** 41 - SECTOR_BYTES,
			2 ** 42,
		]) {
			const extents = partitionExtents(layout, diskBytes).slice(1);
			const expected = extents.map(
				({ number, startBytes, sizeBytes }, index) => {
					const partition = layout.installed[index];
					const type = partition && mbrType(partition).toString(16);
					return `${number} ${startBytes / SECTOR_BYTES} ${sizeBytes / SECTOR_BYTES} ${type}`;
				},
			);
			t.deepEqual(table(layout, diskBytes), expected, String(diskBytes));
			const data = extents.at(-1);
			t.true(
				(data?.startBytes ?? 0) + (data?.sizeBytes ?? 0) <= MAX_DISK_BYTES,
			);
		}
		const tooSmall = minBytes - SECTOR_BYTES;
		t.is(table(layout, tooSmall), undefined);
		t.throws(() => partitionExtents(layout, tooSmall), {
			message: /too small/,
		});
	});

test("a disk that is too small is refused with the size that is needed", (t) => {
	const host = new ScriptsOnHost("grub");
	t.teardown(() => host.remove());
	const check = (mib: number) =>
		host.run(
			"service partitions disk-checks",
			`boot_partition_end() { echo ${351 * 2048}; }
			disk_sectors() { echo ${mib * 2048}; }
			check_disk_size sda`,
		);
	const minMib = 351 + 500 + 512 + 1024;
	t.is(check(minMib).exitCode, 0);
	const { exitCode, output } = check(minMib - 1);
	t.is(exitCode, 1);
	t.regex(output, /enlarge the virtual disk to 2387 MiB or more and restart/);
});
