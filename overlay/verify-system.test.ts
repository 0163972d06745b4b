import {
	cpSync,
	readFileSync,
	rmSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { TestKey } from "../testing/test-update.ts";
import { ScriptsOnHost } from "./scripts-on-host.ts";
import { installSystem } from "./testing/installed-system.ts";
import { LoopDevice, run } from "./testing/loop-device.ts";

const key = await TestKey.create();
const libraries =
	"service settings boot-disk boot-loader verify-slot update-result install-state verify-system";

/** An installed system on a loop device in place of sda3. Needs root. */
async function sda3(t: ExecutionContext) {
	const host = new ScriptsOnHost("grub");
	const installed = await installSystem(host, key);
	const device = new LoopDevice(t, host.root);
	const makeFileSystem = () =>
		run("mkfs.ext4", "-q", "-F", "-d", installed, device.path);
	makeFileSystem();
	const verify = (before = "") =>
		host.run(
			libraries,
			`OWN_ROOT=${host.root}/rescue
			partition_of() { echo ${device.name}; }
			mountpoint() { [ "$2" = "$BOOT" ] || command mountpoint "$@"; }
			slot_to_install() { echo a; }
			trap end_verification EXIT
			${before}
			verify_system disk log.txt`,
		);
	return { host, installed, device, makeFileSystem, verify };
}

const reinstall =
	/sda3 differs: reinstall the system with \S*\/home\/root\/install.sh log.txt; data on sda2 are kept/;

test.serial(
	"reports that the system equals its slot, and writes nothing",
	async (t) => {
		const { host, device, verify } = await sda3(t);
		const before = readFileSync(device.path);
		const { exitCode, output } = verify();
		t.regex(output, /slot a \(version 1.3.0, build 200000\) are complete/);
		t.regex(output, /^sda3 equals slot a/m);
		t.is(exitCode, 0);
		t.is(host.read("log.txt").trimEnd(), output);
		t.notRegex(output, /^finished$/m);
		t.true(before.equals(readFileSync(device.path)));
	},
);

test.serial(
	"prints the first differences of each kind, and writes all to the log",
	async (t) => {
		const { host, installed, makeFileSystem, verify } = await sda3(t);
		rmSync(join(installed, "usr/bin/psql"));
		truncateSync(join(installed, "etc/passwd"), 0);
		writeFileSync(join(installed, "etc/passwd-"), "");
		for (let number = 10; number < 40; number++)
			writeFileSync(join(installed, `extra-${number}`), "");
		makeFileSystem();
		const { exitCode, output } = verify();
		t.is(exitCode, 1);
		t.regex(
			output,
			/Missing on sda3 \(1 of \d+ files and directories\):\n {2}\/usr\/bin\/psql\n/,
		);
		t.regex(output, /Changed on sda3 \(1\):\n {2}\/etc\/passwd \(content\)\n/);
		t.regex(output, /not part of the system \(30\):\n {2}\/extra-/);
		t.is(output.match(/ \/extra-/g)?.length, 20);
		t.regex(output, /and 10 more, see log.txt/);
		t.is(host.read("log.txt").match(/ \/extra-/g)?.length, 30);
		t.regex(output, reinstall);
	},
);

for (const options of ["rw", "ro"])
	test.serial(`compares a system that is mounted ${options}`, async (t) => {
		const { device, verify } = await sda3(t);
		const { mountPoint } = device.mount(options);
		t.is(verify().exitCode, 0);
		if (options === "ro") return;
		rmSync(join(mountPoint, "usr/bin/psql"));
		const { exitCode, output } = verify();
		t.is(exitCode, 1);
		t.regex(output, /\/usr\/bin\/psql/);
	});

test.serial("advises to reinstall if there is no file system", async (t) => {
	const { device, verify } = await sda3(t);
	writeFileSync(device.path, Buffer.alloc(300_000), { flag: "r+" });
	const { exitCode, output } = verify();
	t.is(exitCode, 1);
	t.regex(output, /holds no file system that can be mounted/);
	t.regex(output, reinstall);
});

test.serial("distinguishes a system in use from a damaged one", async (t) => {
	const { device, verify } = await sda3(t);
	writeFileSync(device.path, Buffer.alloc(300_000), { flag: "r+" });
	const { exitCode, output } = verify(
		"holders_of() { echo 'process 12 (e2fsck) has it open'; }",
	);
	t.is(exitCode, 2);
	t.regex(
		output,
		/in use: process 12 \(e2fsck\) has it open\. Unmount it or end/,
	);
	t.notRegex(output, /reinstall/);
});

test.serial(
	"without an installation mark, compares with the slot that would be installed",
	async (t) => {
		const { installed, makeFileSystem, verify } = await sda3(t);
		const mark = join(installed, ".app-platform-installed");
		writeFileSync(mark, "of another version");
		makeFileSystem();
		const { exitCode, output } = verify();
		t.is(exitCode, 1);
		t.regex(output, /installed from another version/);
		t.regex(output, reinstall);
		rmSync(mark);
		makeFileSystem();
		t.regex(verify().output, /has no mark of a completed installation/);
	},
);

test.serial("compares with the slot that the mark names", async (t) => {
	const { host, verify } = await sda3(t);
	const slots = join(host.root, "mnt/sda1");
	cpSync(join(slots, "a"), join(slots, "b"), { recursive: true });
	writeFileSync(join(slots, "a/SHA256SUMS"), "newer");
	const { exitCode, output } = verify();
	t.is(exitCode, 0);
	t.regex(output, /sda3 equals slot b/);
});

test.serial(
	"reports a damaged kernel in the slot, and compares sda3",
	async (t) => {
		const { host, verify } = await sda3(t);
		host.write("mnt/sda1/a/linux", "zeros");
		rmSync(join(host.root, "mnt/sda1/a/ramdisk.ext2.xz"));
		const { exitCode, output } = verify();
		t.is(exitCode, 1);
		t.regex(output, /\/a\/linux is changed or cannot be read/);
		t.regex(output, /\/a\/ramdisk.ext2.xz is missing/);
		t.regex(output, /sda3 equals slot a/);
		t.regex(output, /tar -x -C \S*\/mnt\/sda1\/a <UPDATE_FILE/);
	},
);

test.serial(
	"advises to replay the journal before a reinstallation",
	async (t) => {
		const { device, installed, makeFileSystem, verify } = await sda3(t);
		run("debugfs", "-w", "-R", "feature needs_recovery", device.path);
		t.is(verify().exitCode, 0);
		rmSync(join(installed, "usr/bin/psql"));
		makeFileSystem();
		t.notRegex(verify().output, /journal/);
		run("debugfs", "-w", "-R", "feature needs_recovery", device.path);
		t.regex(
			verify().output,
			/First type e2fsck -p \/dev\/sda3, then verify again/,
		);
	},
);

for (const [name, content] of [
	["rootfs.tar.xz", "zeros"],
	["SHA256SUMS.minisig", "zeros"],
] as const)
	test.serial(`cannot determine anything with a damaged ${name}`, async (t) => {
		const { host, verify } = await sda3(t);
		host.write(`mnt/sda1/a/${name}`, content);
		const { exitCode, output } = verify();
		t.is(exitCode, 2);
		t.regex(output, new RegExp(name));
		t.regex(output, /cannot be determined/);
		t.notRegex(output, reinstall);
	});
