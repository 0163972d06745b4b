import { lstat, readlink } from "node:fs/promises";
import { join, normalize } from "node:path";
import type { Target } from "./target.ts";

/** What must be on the image, whichever base it was made from: commands that people type. */
export const commands: readonly string[] = [
	..."psql vacuumdb reindexdb pg_dump pg_restore initdb pg_ctl postgres".split(
		" ",
	),
	..."tar xz gdb e2fsck ps df du tcpdump vi scp sudo su ip setip".split(" "),
	..."node haproxy openssl chronyd dropbear dropbearkey runsvdir sv svlogd minisign".split(
		" ",
	),
	..."fallocate mkfs.ext4 resize2fs sfdisk blkid nft fsck.vfat kexec".split(
		" ",
	),
	..."udhcpc syslogd klogd crond getty login mdev passwd".split(" "),
];

/** Programs outside the search path, and files that others read. */
export const files: readonly string[] = [
	"usr/lib/openssh/sftp-server",
	"etc/ssl/certs/ca-certificates.crt",
	"etc/inittab",
	"etc/init.d/rcS",
	"etc/init.d/S50postgresql",
	"etc/init.d/S92manager",
	"etc/passwd",
	"etc/group",
];

const searchPath = ["usr/sbin", "usr/bin"];

/** Throws, naming them all, when commands or files are missing in layers of a rootfs tree. */
export async function refuseMissingContents(
	target: Target,
	layers: readonly string[],
): Promise<void> {
	const missing: string[] = [];
	for (const command of [...commands, ...target.commands]) {
		const found = await Promise.all(
			searchPath.map((folder) => isInLayers(layers, join(folder, command))),
		);
		if (!found.includes(true)) missing.push(command);
	}
	for (const file of files)
		if (!(await isInLayers(layers, file))) missing.push(`/${file}`);
	if (missing.length > 0)
		throw new Error(`the rootfs lacks: ${missing.join(", ")}`);
}

/** Whether a path leads to something in one of the layers, through links too. */
async function isInLayers(
	layers: readonly string[],
	path: string,
): Promise<boolean> {
	for (const layer of layers) {
		const full = join(layer, path);
		const stats = await lstat(full).catch(() => undefined);
		if (!stats) continue;
		if (!stats.isSymbolicLink()) return true;
		const target = await readlink(full);
		const next = target.startsWith("/")
			? target.slice(1)
			: normalize(join(path, "..", target));
		return isInLayers(layers, next.replace(/^(bin|sbin|lib)\//, "usr/$1/"));
	}
	return false;
}
