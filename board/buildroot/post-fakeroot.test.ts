import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";
import { $, glob } from "zx";
import { treeDirectory } from "./configuration.ts";

test("Buildroot's rootfs keeps only what both bases have, at the same paths", async (t) => {
	const tree = await mkdtemp(join(tmpdir(), "app-platform-post-fakeroot-"));
	try {
		for (const path of [
			..."etc/init.d/S50dropbear etc/inittab etc/fstab etc/passwd".split(" "),
			..."etc/pam.d/login etc/ssh/sshd_config usr/sbin/sshd".split(" "),
			..."usr/bin/ssh usr/bin/ssh-add usr/bin/scp usr/bin/postgres".split(" "),
			..."usr/libexec/sftp-server usr/libexec/sshd-session".split(" "),
			..."usr/bin/pg_ctl usr/bin/psql usr/bin/initdb home/admin/x".split(" "),
			"usr/share/postgresql/postgres.bki",
		]) {
			await mkdir(dirname(join(tree, path)), { recursive: true });
			await writeFile(join(tree, path), "# PostgreSQL 18\n");
		}
		await $`${join(treeDirectory, "post-fakeroot.sh")} ${tree}`.quiet();
		const programs = "usr/lib/postgresql/18/bin";
		t.deepEqual(
			(await glob("**", { cwd: tree, dot: true })).sort(),
			[
				"etc/passwd",
				...["initdb", "pg_ctl", "postgres", "psql", "scp"].map(
					(name) => `usr/bin/${name}`,
				),
				"usr/lib/openssh/sftp-server",
				...["initdb", "pg_ctl", "postgres", "psql"].map(
					(name) => `${programs}/${name}`,
				),
				"usr/lib/sftp-server",
				"usr/share/postgresql/postgres.bki",
			].sort(),
		);
		t.is(
			await readlink(join(tree, programs, "postgres")),
			"../../../../bin/postgres",
		);
		t.true(existsSync(join(tree, programs, "postgres")));
	} finally {
		await rm(tree, { recursive: true });
	}
});
