import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

// When files are counted, and with which limits; the kernel's part is in qemu-tests/kernel.vm.test.ts.
const host = new ScriptsOnHost("grub");
const file = (path: string) => join(host.root, path);
const calls = file("calls");
const mark = file("mnt/sda2/system/app-quotas");
const clean = "data: clean, 11/327680 files, 44/1310720 blocks\n";

test.before(() => {
	const command = (name: string, lines: string) =>
		host.write(`bin/${name}`, `#!/bin/sh\n${lines}\n`);
	command("dumpe2fs", `cat ${file("superblock")}`);
	command("chattr", "true");
	command(
		"quotacheck",
		`echo "$(basename $0) $*" >>${calls}; : >${file("mnt/sda2/aquota.user")}`,
	);
	command(
		"quotaon",
		`[ ! -e ${file("no-quotas")} ] || { echo "quotaon: Quota format not supported in kernel."; exit 1; }`,
	);
	command("repquota", `cat ${file("report")}`);
	command("setquota", `echo "setquota $*" >>${calls}; cat >>${calls}`);
	host.write("mnt/sda2/system/.keep", "");
	const script = "usr/lib/app-platform/app-quotas";
	host.write(
		script,
		host.read(script).replaceAll("/dev/kmsg", file("kernel-log")),
	);
});
test.after.always(() => host.remove());

function run(...parameters: string[]) {
	rmSync(calls, { force: true });
	const { status, stdout, stderr } = spawnSync(
		file("usr/lib/app-platform/app-quotas"),
		parameters,
		{
			encoding: "utf8",
			env: { ...process.env, PATH: `${file("bin")}:${process.env.PATH}` },
		},
	);
	const called = existsSync(calls) ? readFileSync(calls, "utf8") : "";
	return { status, output: stdout + stderr, called };
}

/** A start of the system. @param mounts since the file system was made or checked. */
function start({
	mounts,
	checked = "Tue Dec  1 05:52:59 2026",
	check = clean,
}: {
	mounts: number;
	checked?: string;
	check?: string;
}) {
	writeFileSync(
		file("superblock"),
		`Mount count:              ${mounts}\nMaximum mount count:      -1\nLast checked:             ${checked}\n`,
	);
	writeFileSync(file("run/data-check"), check);
	return run("enable", "/dev/sda2", file("run/data-check"));
}
const counts = /^quotacheck -u -m -F vfsv1 .*\/mnt\/sda2$/m;

test.serial("the first start counts, the next ones do not", (t) => {
	t.regex(start({ mounts: 7 }).called, counts);
	for (const mounts of [8, 9])
		t.deepEqual(start({ mounts }), { status: 0, output: "", called: "" });
});

test.serial("a mount by another system makes the next start count", (t) => {
	t.regex(start({ mounts: 11 }).called, counts);
	t.is(start({ mounts: 12 }).called, "");
});

test.serial("so does a check or a repair of the file system", (t) => {
	const checked = "Wed Dec  2 05:52:59 2026";
	t.regex(start({ mounts: 13, checked }).called, counts);
	const check = `data: recovering journal\ndata: Clearing orphaned inode 17\n${clean}`;
	t.regex(start({ mounts: 14, checked, check }).called, counts);
	t.is(start({ mounts: 15, checked }).called, "");
	const unreadable = start({ mounts: 16, checked: "" });
	t.regex(unreadable.called, counts);
	t.regex(start({ mounts: 16, checked: "" }).called, counts);
});

test.serial("without quotas in the kernel, the start says so", (t) => {
	writeFileSync(file("no-quotas"), "");
	const { status, output } = start({ mounts: 16 });
	t.is(status, 0);
	t.is(
		output,
		"The files of apps are not limited: quotaon: Quota format not supported in kernel.\n",
	);
	t.is(readFileSync(file("kernel-log"), "utf8"), output);
	t.false(existsSync(mark));
	t.is(run("report").status, 3);
	rmSync(file("no-quotas"));
	t.regex(start({ mounts: 17 }).called, counts);
});

test.serial("the report has the users of apps only", (t) => {
	writeFileSync(
		file("report"),
		`*** Report for user quotas on device /dev/sda2
Block grace time: 00:00; Inode grace time: 00:00
                        Block limits                File limits
User            used    soft    hard  grace    used  soft  hard  grace
----------------------------------------------------------------------
#0        --  179088       0       0      0   44591     0     0      0
#70       --   17908       0       0      0    4459     0     0      0
#2000     +-  223332       0  223332      0   55611     0 60000      0
#65534    --       8       0       0      0       2     0     0      0


`,
	);
	t.is(run("report").output, "2000 223332 55611 223332 60000\n");
});

test.serial("limits are set by one command", (t) => {
	const { status, called } = run("limit", "1000", "10", "2000", "2001");
	t.is(status, 0);
	t.is(
		called,
		`setquota -u -b ${file("mnt/sda2")}\n2000 0 1000 0 10\n2001 0 1000 0 10\n`,
	);
});

test.serial("limits are for apps only, and are numbers", (t) => {
	for (const parameters of [
		["limit", "1000", "10", "70"],
		["limit", "1000", "10", "1999"],
		["limit", "1000", "10", "65534"],
		["limit", "1000", "10", "2000", "postgres"],
		["limit", "0", "10", "2000"],
		["limit", "1000", "-1", "2000"],
		["limit", "1000", "10"],
		["enable"],
		[],
	]) {
		const { status, called } = run(...parameters);
		t.is(status, 2, parameters.join(" "));
		t.is(called, "");
	}
});
