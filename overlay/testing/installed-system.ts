import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
	chmodSync,
	cpSync,
	mkdirSync,
	readFileSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { TestKey } from "../../testing/test-update.ts";
import type { ScriptsOnHost } from "../scripts-on-host.ts";

const release = "VERSION=1.3.0\nBUILD=200000\nTARGET=x86_64\nKEY=release\n";
const commonSums = "usr/lib/app-platform/common.sha256";
/** Files that the archive leaves out because the rescue system has them. */
const common = ["usr/bin/busybox", "usr/bin/tar"];
const inArchive: Record<string, string> = {
	"etc/passwd": "root:x:0:0::/root:/bin/sh\n",
	"mnt/sda2/system/shadow": "root:*:1::::::\n",
	"usr/bin/psql": "psql".repeat(5_000),
	"usr/lib/libpq.so.5": "libpq".repeat(5_000),
	"usr/share/zürich and back": "a name with blanks",
};

/** Makes a signed slot a, and installs its system in the directory that is returned. */
export async function installSystem(
	host: ScriptsOnHost,
	key: TestKey,
): Promise<string> {
	const tree = join(host.root, "tree");
	const rescue = join(host.root, "rescue");
	for (const name of "dev proc run sys tmp mnt/sda1 usr/sbin".split(" "))
		mkdirSync(join(tree, name), { recursive: true });
	for (const [path, content] of Object.entries(inArchive))
		write(tree, path, content);
	symlinkSync("usr/bin", join(tree, "bin"));
	chmodSync(join(tree, "usr/bin/psql"), 0o4755);
	for (const path of common) {
		write(rescue, path, `${path}\n`.repeat(5_000));
		chmodSync(join(rescue, path), 0o755);
	}
	const sums = common.map((path) => {
		const content = readFileSync(join(rescue, path));
		return `${sha256(content)}  ./${path}\n`;
	});
	write(tree, commonSums, sums.join(""));
	const installed = join(host.root, "installed");
	cpSync(tree, installed, { recursive: true, verbatimSymlinks: true });
	cpSync(rescue, installed, { recursive: true });
	chmodSync(join(installed, "usr/bin/psql"), 0o4755);
	await writeSlot(host, key, archiveOf(tree));
	write(installed, ".app-platform-installed", sumsOfSlot(host));
	return installed;
}

function archiveOf(tree: string): Buffer {
	// The build also joins two archives.
	const part = (...names: string[]) =>
		execFileSync("tar", ["-cJ", "--no-recursion", "-C", tree, ...names]);
	const all = execFileSync("find", ["."], { cwd: tree, encoding: "utf8" })
		.trimEnd()
		.split("\n");
	const half = Math.floor(all.length / 2);
	return Buffer.concat([part(...all.slice(0, half)), part(...all.slice(half))]);
}

async function writeSlot(host: ScriptsOnHost, key: TestKey, archive: Buffer) {
	const files = {
		linux: Buffer.alloc(7_000, "kernel"),
		"ramdisk.ext2.xz": Buffer.alloc(7_000, "rescue"),
		"rootfs.tar.xz": archive,
		release: Buffer.from(release),
	};
	const sums = Object.entries(files).map(
		([name, content]) => `${sha256(content)}  ${name}\n`,
	);
	for (const [name, content] of Object.entries(files))
		host.write(`mnt/sda1/a/${name}`, content);
	host.write("mnt/sda1/a/SHA256SUMS", sums.join(""));
	host.write("mnt/sda1/a/SHA256SUMS.minisig", await key.sign(sums.join("")));
	host.write("etc/app-platform-release", release);
	host.write(
		"etc/app-platform-keys/1.pub",
		readFileSync(join(key.trusted, "1.pub")),
	);
}

const sumsOfSlot = (host: ScriptsOnHost) => host.read("mnt/sda1/a/SHA256SUMS");

const sha256 = (content: Buffer) =>
	createHash("sha256").update(content).digest("hex");

/** Writes a file below a directory, creating missing directories. */
export function write(root: string, path: string, content: string): void {
	const file = join(root, path);
	mkdirSync(dirname(file), { recursive: true });
	writeFileSync(file, content);
}
