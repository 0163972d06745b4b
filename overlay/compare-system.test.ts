import { execFileSync } from "node:child_process";
import {
	chmodSync,
	mkdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { TestKey } from "../testing/test-update.ts";
import { ScriptsOnHost } from "./scripts-on-host.ts";
import { installSystem, write } from "./testing/installed-system.ts";

const key = await TestKey.create();
const libraries =
	"service settings boot-loader verify-slot install-state compare-system";

/** An installed system, and a function that compares it with its slot. */
async function installed(t: ExecutionContext) {
	const host = new ScriptsOnHost("grub");
	t.teardown(() => host.remove());
	const root = await installSystem(host, key);
	const at = (path: string) => join(root, path);
	const compare = () =>
		host.run(
			libraries,
			`OWN_ROOT=${host.root}/rescue
			mkdir -p "$COMPARED"
			compare_system a ${root} || { echo failed; exit 1; }
			cd "$COMPARED"
			sed 's/^/missing /' missing
			sed 's/^/changed /' changed
			sed 's/^/extra /' extra`,
		).output;
	return { host, root, at, compare };
}

test("an unchanged system does not differ", async (t) => {
	const { compare } = await installed(t);
	t.is(compare(), "");
});

test("files that a running system writes are not a difference", async (t) => {
	const { root, at, compare } = await installed(t);
	write(root, ".app-platform-started", "");
	write(root, ".app-platform-manager", "");
	mkdirSync(at("lost+found"));
	for (const directory of ["dev", "proc", "run", "sys", "tmp", "mnt/sda1"])
		write(root, `${directory}/left/over`, "");
	write(root, "mnt/sda2/pgsql/PG_VERSION", "17");
	utimesSync(at("etc/passwd"), 1, 1);
	t.is(compare(), "");
});

test("finds missing files of the archive and of the rescue system", async (t) => {
	const { at, compare } = await installed(t);
	for (const path of ["usr/bin/tar", "usr/share", "bin"])
		rmSync(at(path), { recursive: true });
	t.deepEqual(compare().split("\n"), [
		"missing /bin",
		"missing /usr/bin/tar",
		"missing /usr/share",
		"missing /usr/share/zürich and back",
	]);
});

test("finds changed files and names the difference", async (t) => {
	const { at, compare } = await installed(t);
	const libpq = readFileSync(at("usr/lib/libpq.so.5"));
	writeFileSync(at("usr/lib/libpq.so.5"), libpq.fill(0, 5_000, 9_000));
	truncateSync(at("etc/passwd"), 3);
	chmodSync(at("usr/bin/psql"), 0o755);
	truncateSync(at("usr/bin/busybox"), 0);
	chmodSync(at("usr/bin/tar"), 0o700);
	rmSync(at("bin"));
	symlinkSync("usr/sbin", at("bin"));
	rmSync(at("proc"), { recursive: true });
	writeFileSync(at("proc"), "");
	t.deepEqual(compare().split("\n").sort(), [
		"changed /bin (link target)",
		"changed /etc/passwd (content)",
		"changed /proc (type)",
		"changed /usr/bin/busybox (content)",
		"changed /usr/bin/psql (mode)",
		"changed /usr/bin/tar (mode or owner)",
		"changed /usr/lib/libpq.so.5 (content)",
	]);
});

test("does not compare modes with a rescue system of another version", async (t) => {
	const { host, at, compare } = await installed(t);
	chmodSync(at("usr/bin/tar"), 0o700);
	host.write("etc/app-platform-release", "VERSION=1.4.0\n");
	t.is(compare(), "");
});

test("finds extra files, a directory once, and the files that e2fsck recovered", async (t) => {
	const { root, compare } = await installed(t);
	write(root, "opt/tool/bin/tool", "");
	write(root, "etc/\u001b[2J", "");
	write(root, "lost+found/#12", "");
	t.deepEqual(compare().split("\n").sort(), [
		"extra /etc/?[2J",
		"extra /lost+found/#12",
		"extra /opt",
	]);
});

test("compares the common files even without their list", async (t) => {
	const { root, at, compare } = await installed(t);
	const list = "usr/lib/app-platform/common.sha256";
	rmSync(at("usr/bin/tar"));
	write(root, list, "nothing");
	t.deepEqual(compare().split("\n"), [
		"missing /usr/bin/tar",
		`changed /${list} (content)`,
	]);
	rmSync(at(list));
	t.deepEqual(compare().split("\n"), [
		"missing /usr/bin/tar",
		`missing /${list}`,
	]);
});

test("everything is missing from an empty file system", async (t) => {
	const { host, root, compare } = await installed(t);
	renameSync(root, join(host.root, "moved"));
	mkdirSync(root);
	const lines = compare().split("\n");
	const all = execFileSync("find", [join(host.root, "moved")], {
		encoding: "utf8",
	});
	// The archive contains neither the root itself nor the installation mark.
	t.is(lines.length, all.trimEnd().split("\n").length - 2);
	t.true(lines.every((line) => line.startsWith("missing /")));
});

test("fails if the archive is truncated", async (t) => {
	const { host, compare } = await installed(t);
	truncateSync(join(host.root, "mnt/sda1/a/rootfs.tar.xz"), 900);
	t.is(compare(), "failed");
});
