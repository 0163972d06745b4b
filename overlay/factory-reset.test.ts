import test, { type ExecutionContext } from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";
import { LoopDevice, run } from "./testing/loop-device.ts";

const mebibytes = 1024;

/** A data partition, large enough for a second superblock at block 32768. Needs root. */
function dataPartition(t: ExecutionContext) {
	const host = new ScriptsOnHost("grub");
	const { path, name } = new LoopDevice(t, host.root, { mebibytes });
	run("mkfs.ext4", "-q", "-L", "data", path);
	const shell = (lines: string) =>
		host.run(
			"service install-steps factory-reset",
			`partition_of() { echo ${name}; }
			partition_bytes() { blockdev --getsize64 "/dev/$1"; }
			data=${path}
			due() { if is_erasure_due sda; then echo due; else echo kept; fi; }
			mark() { printf '%s\\n' "$RESET_MARK" | dd of="$data" conv=fsync,notrunc 2>/dev/null; }
			lose() { dd if=/dev/zero of="$data" bs=1024 seek="$1" count=3 conv=fsync,notrunc 2>/dev/null; }
			${lines}`,
		).output;
	return { path, shell };
}

test.serial("data are kept as long as there is a superblock", (t) => {
	const { shell } = dataPartition(t);
	t.is(shell("mark; due"), "kept");
	t.is(shell("lose 1; due"), "kept", "the first was lost later");
	t.is(shell("lose 131072; due"), "due");
});

test.serial("nothing is erased without the mark of a reset", (t) => {
	const { shell } = dataPartition(t);
	t.is(shell("lose 1; lose 131072; due"), "kept");
});

test.serial(
	"a reset erases everything, and restarts after an interruption",
	(t) => {
		const { path, shell } = dataPartition(t);
		t.is(shell("invalidate_data sda; due"), "due");
		t.is(
			shell(
				`dd if=/dev/urandom of="$data" bs=1M seek=300 count=20 conv=notrunc 2>/dev/null
			erase_partition ${path.slice("/dev/".length)} $((1024 * 1024)) >/dev/null
			due`,
			),
			"due",
		);
		t.is(
			run(
				"cmp",
				"-n",
				`${(mebibytes - 1) << 20}`,
				"-i",
				`${1 << 20}:0`,
				path,
				"/dev/zero",
			),
			"",
		);
	},
);
