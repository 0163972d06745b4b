import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join, normalize } from "node:path";
import { ramdiskCommands } from "../initramfs/contents.ts";
import { libraryFolders } from "../pipeline/elf.ts";
import { type Target, targets } from "./target.ts";

/** What must be on the image, whichever base it was made from: commands that people type. */
const commands: readonly string[] = [
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
	..."udhcpc syslogd klogd crond getty login mdev passwd chpasswd".split(" "),
	..."bash sh setpriv nsenter getent id find chgrp".split(" "),
	..."flock timeout zstd".split(" "), // for core dumps
];

/** Commands that run with root's rights, whoever calls them. */
export const setuidCommands: readonly string[] = ["sudo", "su"];

/** Libraries that programs of apps may count on. */
export const libraries: readonly string[] = [
	..."libc.so.6 libm.so.6 libgcc_s.so.1 libstdc++.so.6".split(" "),
	..."libssl.so.3 libcrypto.so.3 libz.so.1 libpq.so.5".split(" "),
];

/** What people call in /etc/init.d; nothing else is there, whatever a base's packages bring. */
export const initScripts: readonly string[] = [
	..."rcS rcK S10syslog S40network S44ssh S50postgresql".split(" "),
	..."S60chrony S62cron S64guest-agents S90haproxy S92manager".split(" "),
];

/** Users by their numbers, which sda2 has kept since the first installation. */
export const users: Readonly<Record<string, number>> = {
	root: 0,
	postgres: 70,
	haproxy: 71,
	_chrony: 72,
	tcpdump: 74,
	admin: 1000,
	nobody: 65534,
};

/** Programs outside the search path, and files that others read. */
export const files: readonly string[] = [
	"usr/lib/openssh/sftp-server",
	"etc/ssl/certs/ca-certificates.crt",
	"etc/inittab",
	"etc/group",
	"usr/share/zoneinfo/Europe/Berlin",
	"usr/share/terminfo/v/vt102",
];

const searchPath = ["usr/sbin", "usr/bin"];

/**
 * Throws, naming them all, when a rootfs made of layers lacks something or has what must not be.
 * The first layer is the base, the last one is seen where several have a file.
 */
export async function refuseMissingContents(
	target: Target,
	layers: readonly string[],
): Promise<void> {
	const missing = await missingContents(target, layers);
	if (missing.length > 0)
		throw new Error(`the rootfs lacks: ${missing.join(", ")}`);
	const foreign = await foreignInitScripts(layers);
	if (foreign.length > 0)
		throw new Error(`the base has init scripts: ${foreign.join(", ")}`);
}

async function missingContents(
	target: Target,
	layers: readonly string[],
): Promise<string[]> {
	const missing: string[] = [];
	const want = async (what: string, paths: readonly string[]) => {
		const found = paths.map((path) => isInLayers(layers, path));
		if (!(await Promise.all(found)).includes(true)) missing.push(what);
	};
	const inFolders = (folders: readonly string[], name: string) =>
		folders.map((folder) => join(folder, name));
	for (const command of commandsOf(target))
		await want(command, inFolders(searchPath, command));
	const [base = ""] = layers;
	const folders = await libraryFolders(base);
	for (const library of libraries)
		await want(library, inFolders(folders, library));
	for (const file of files) await want(`/${file}`, [file]);
	for (const script of initScripts)
		await want(script, [`etc/init.d/${script}`]);
	for (const command of setuidCommands)
		if (!(await isSetuid(base, command))) missing.push(`setuid ${command}`);
	const passwd = await lastLayersFile(layers, "etc/passwd");
	for (const [name, id] of Object.entries(users))
		if (!new RegExp(`^${name}:[^:]*:${id}:`, "m").test(passwd))
			missing.push(`user ${name} (${id})`);
	return missing;
}

/** All that people type and scripts call, in the installed system or in the ramdisk. */
export function commandsOf(target: Target): Set<string> {
	const ofSomeTargets = targets.flatMap((one) => one.commands);
	const ofAll = [...commands, ...ramdiskCommands].filter(
		(command) => !ofSomeTargets.includes(command),
	);
	return new Set([...ofAll, ...target.commands]);
}

/** Scripts of the base in a folder of which all is ours. */
async function foreignInitScripts(
	layers: readonly string[],
): Promise<string[]> {
	const [base = "", ...ours] = layers;
	const names = await readdir(join(base, "etc/init.d")).catch(() => []);
	const isOurs = await Promise.all(
		names.map((name) => isInLayers(ours, `etc/init.d/${name}`)),
	);
	return names.filter((_, index) => !isOurs[index]);
}

async function isSetuid(tree: string, command: string): Promise<boolean> {
	for (const folder of searchPath) {
		const status = await lstat(join(tree, folder, command)).catch(() => null);
		if (status?.isFile()) return (status.mode & 0o4000) !== 0;
	}
	return false;
}

async function lastLayersFile(
	layers: readonly string[],
	path: string,
): Promise<string> {
	for (const layer of layers.toReversed()) {
		const text = await readFile(join(layer, path), "utf8").catch(() => null);
		if (text !== null) return text;
	}
	return "";
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
