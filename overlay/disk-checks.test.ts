import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";
import { LoopDevice, run } from "./testing/loop-device.ts";

const libraries =
	"service settings boot-disk boot-loader install-state partitions disk-checks install-steps";

/** A partition in place of sda2 and sda3, and a function that runs shell code on it. Needs root. */
function partition(
	t: ExecutionContext,
	options: { sectorBytes?: number } = {},
) {
	const host = new ScriptsOnHost("grub");
	const device = new LoopDevice(t, host.root, options);
	const shell = (lines: string) =>
		host.run(
			libraries,
			`partition_of() { echo ${device.name}; }
			${lines}`,
		);
	return { host, device, shell };
}

test("reports the unused space of a disk of more than 2 TiB", (t) => {
	const host = new ScriptsOnHost("grub");
	t.teardown(() => host.remove());
	const report = (mib: number) =>
		host.run(
			libraries,
			`disk_sectors() { echo ${mib * 2048}; }
			report_unused_space sda`,
		).output;
	t.is(report(2 * 1024 * 1024), "");
	t.is(
		report(4 * 1024 * 1024),
		"Only the first 2097151 MiB (2 TiB) of the 4194304 MiB of /dev/sda are used, because its MBR partition table cannot address more: a disk of 2 TiB is enough",
	);
});

test.serial(
	"refuses a disk with sectors of 4096 bytes and names the cure",
	(t) => {
		const { device, shell } = partition(t, { sectorBytes: 4096 });
		const found = (signature: string) =>
			shell(`is_disk() { [ "$1" = ${device.name} ]; }
			kernel_argument() { echo ${signature}; }
			find_boot_disk`);
		for (const signature of ["", "1234abcd"]) {
			const { exitCode, output } = found(signature);
			// Another disk, on USB, may still be found.
			t.is(exitCode, 2);
			t.regex(
				output,
				/^There is no disk with .*boot files; \/dev\/loop\d+ has/,
			);
			t.regex(output, /sectors of 4096 bytes, .* set them to 512 bytes$/);
		}
	},
);

test.serial("names the users of a mounted partition", async (t) => {
	const { device, shell } = partition(t);
	run("mkfs.ext4", "-q", "-L", "data", device.path);
	t.is(shell("check_not_in_use disk").exitCode, 0);
	const { mountPoint, unmount } = device.mount("ro");
	const admin = spawn("sleep", ["1000"], { cwd: mountPoint });
	t.teardown(() => admin.kill());
	const { exitCode, output } = shell("check_not_in_use disk");
	t.is(exitCode, 1);
	t.regex(output, /^\/dev\/loop\d+ is in use: .*mounted on .*mount point/);
	t.regex(output, new RegExp(`process ${admin.pid} \\(sleep\\)`));
	t.notRegex(output, /damaged/);
	admin.kill();
	await once(admin, "exit");
	unmount();
	t.is(shell("check_not_in_use disk").exitCode, 0);
});

for (const work of ["make_data_file_system", "enlarge_data_file_system"])
	test.serial(`${work} distinguishes in use from damaged`, (t) => {
		const { device, shell } = partition(t);
		run("mkfs.ext4", "-q", "-L", "data", device.path);
		const { unmount } = device.mount("rw");
		const inUse = shell(`${work} disk`);
		t.is(inUse.exitCode, 1);
		t.regex(inUse.output, /is in use: .*mounted on/);
		t.notRegex(inUse.output, /is damaged/);
		unmount();
		spoilRoot(device);
		const damaged = shell(`${work} disk`);
		t.is(damaged.exitCode, 1);
		t.regex(damaged.output, /is damaged: repair it with e2fsck -f -y/);
		t.notRegex(damaged.output, /in use/);
	});

test.serial("a partition that a process has open is in use", async (t) => {
	const { device, shell } = partition(t);
	const file = openSync(device.path, "r");
	const program = spawn("sleep", ["1000"], {
		stdio: [file, "ignore", "ignore"],
	});
	closeSync(file);
	t.teardown(() => program.kill());
	const { exitCode, output } = shell("check_not_in_use disk");
	t.is(exitCode, 1);
	t.is(
		output,
		`${device.path} is in use: process ${program.pid} (sleep) has ${device.path} open. Unmount it or end the process, then retry`,
	);
	program.kill();
	await once(program, "exit");
	t.is(shell("check_not_in_use disk").exitCode, 0);
});

test.serial("a mounted system is not absent", (t) => {
	const { host, device, shell } = partition(t);
	host.write("mnt/sda1/a/SHA256SUMS", "sums");
	const state = () => shell('installed_state disk "$BOOT/a"').output;
	run("mkfs.ext4", "-q", device.path);
	t.is(state(), "absent");
	const { mountPoint } = device.mount("rw");
	t.is(state(), "absent");
	writeFileSync(join(mountPoint, ".app-platform-installed"), "sums");
	t.is(state(), "complete");
	writeFileSync(join(mountPoint, ".app-platform-started"), "");
	t.is(state(), "started");
});

test.serial("a system that cannot be mounted is in use or absent", (t) => {
	const { shell } = partition(t);
	const state = (users: string) =>
		shell(`holders_of() { ${users}; }; installed_state disk a`).output;
	t.is(state("echo process 12 has it open"), "in-use");
	t.is(state(":"), "absent");
});

test.serial("a system in use is not reported as damaged", (t) => {
	const { shell } = partition(t);
	const { exitCode, output } = shell(
		"holders_of() { echo process 12 has it open; }; clear_installed_mark disk",
	);
	t.is(exitCode, 1);
	t.regex(output, /is in use: process 12 has it open/);
	t.notRegex(output, /damaged/);
	t.is(shell("holders_of() { :; }; clear_installed_mark disk").exitCode, 0);
});

/** Damages the root directory so that e2fsck -p refuses to repair it. */
function spoilRoot({ path }: LoopDevice): void {
	run("debugfs", "-w", "-R", "set_inode_field <2> mode 0100644", path);
	run("debugfs", "-w", "-R", "set_super_value state 2", path);
}
