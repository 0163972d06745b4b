import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join, normalize } from "node:path";
import { libraryDirectories } from "../pipeline/elf.ts";
import { type Target, targets } from "./target.ts";

/** Commands that every image must have, whichever base it is made from. */
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
	..."dhcpcd syslogd klogd crond getty login mdev passwd chpasswd".split(" "),
	..."bash sh setpriv nsenter getent id find chgrp".split(" "),
	..."flock timeout zstd".split(" "), // for core dumps
	..."fstrim ionice shuf".split(" "), // for thin disks
	..."quotacheck quotaon repquota setquota".split(" "),
	// for the manager's requests to root
	..."s6-ipcclient s6-ipcserver s6-ipcserver-socketbinder".split(" "),
	..."s6-ipcserverd s6-sudo s6-sudoc s6-sudod pkill".split(" "),
];

/** Commands that run with root's rights for every user. */
export const setuidCommands: readonly string[] = ["sudo", "su"];

/** Libraries that apps may rely on. */
export const libraries: readonly string[] = [
	..."libc.so.6 libm.so.6 libgcc_s.so.1 libstdc++.so.6".split(" "),
	..."libssl.so.3 libcrypto.so.3 libz.so.1 libpq.so.5".split(" "),
];

/** The scripts in /etc/init.d; those of a base's packages are not allowed. */
export const initScripts: readonly string[] = [
	..."rcS rcK S10syslog S40network S44ssh S50postgresql".split(" "),
	..."S60chrony S62cron S64guest-agents S90haproxy".split(" "),
	..."S91root-commands S92manager".split(" "),
];

/** Users and their IDs, which never change: files on sda2 keep them since the first installation. */
export const users: Readonly<Record<string, number>> = {
	root: 0,
	postgres: 70,
	haproxy: 71,
	_chrony: 72,
	tcpdump: 74,
	manager: 75,
	dhcpcd: 76,
	admin: 1000,
	nobody: 65534,
};

/** Programs outside the search path, and files that programs read. */
export const files: readonly string[] = [
	"usr/lib/openssh/sftp-server",
	"etc/ssl/certs/ca-certificates.crt",
	"etc/inittab",
	"etc/group",
	"usr/share/zoneinfo/Europe/Berlin",
	"usr/share/terminfo/v/vt102",
];

const searchPath = ["usr/sbin", "usr/bin"];

/** The commands of the rescue system: for our scripts and for administrators. */
export const rescueCommands: readonly string[] = [
	// the system
	"busybox sh dash bash init getty login mount umount mountpoint swapon swapoff losetup hostname",
	"sysctl dmesg hwclock date mdev killall kill sync reboot poweroff halt logger stty tty setsid",
	"runsvdir runsv sv svok svlogd syslogd klogd logread acpid loadkeys",
	// people
	"su passwd id whoami who login ps top free uptime pgrep pidof pkill vi less more clear reset",
	// files
	"cat cp mv rm ln ls mkdir rmdir mkfifo mknod mktemp chmod chown chgrp touch stat readlink",
	"realpath basename dirname find df du dd cmp diff head tail tee sort uniq wc cut tr sed awk",
	"grep egrep fgrep xargs od hexdump printf echo test [ [[ true false seq sleep timeout env pwd",
	"expr which usleep uname nproc md5sum sha256sum tar xz xzcat unxz gzip gunzip zcat",
	"pv patch truncate strings time watch",
	// disks
	"blkdiscard blkid blockdev sfdisk fdisk partprobe lsblk findmnt e2fsck e2label tune2fs dumpe2fs debugfs",
	"fsck.fat fsck.vfat resize2fs mke2fs mkfs.ext2 mkfs.ext4 fsck.ext2 fsck.ext4 badblocks mkswap wipefs",
	// network
	"ip ping ping6 arping traceroute nslookup netstat nc wget dhcpcd ifconfig route",
	"dropbear dropbearkey scp nft",
	// updates
	"minisign kexec haproxy httpd",
].flatMap((line) => line.split(" "));

/**
 * Checks a rootfs made of layers. The first layer is the base; for a file in several layers, the last
 * one counts.
 * @throws Error naming everything that is missing or not allowed.
 */
export async function assertContents(
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
	const expectOneOf = async (what: string, paths: readonly string[]) => {
		const found = paths.map((path) => isInLayers(layers, path));
		if (!(await Promise.all(found)).includes(true)) missing.push(what);
	};
	const inDirectories = (directories: readonly string[], name: string) =>
		directories.map((directory) => join(directory, name));
	for (const command of requiredCommands(target))
		await expectOneOf(command, inDirectories(searchPath, command));
	const [base = ""] = layers;
	const directories = await libraryDirectories(base);
	for (const library of libraries)
		await expectOneOf(library, inDirectories(directories, library));
	for (const file of files) await expectOneOf(`/${file}`, [file]);
	for (const script of initScripts)
		await expectOneOf(script, [`etc/init.d/${script}`]);
	for (const command of setuidCommands)
		if (!(await isSetuid(base, command))) missing.push(`setuid ${command}`);
	const passwd = await readFromTopLayer(layers, "etc/passwd");
	for (const [name, id] of Object.entries(users))
		if (!new RegExp(`^${name}:[^:]*:${id}:`, "m").test(passwd))
			missing.push(`user ${name} (${id})`);
	return missing;
}

/** Returns the commands that admins and scripts use, in the system or the rescue system. */
export function requiredCommands(target: Target): Set<string> {
	const targetSpecific = targets.flatMap((one) => one.commands);
	const common = [...commands, ...rescueCommands].filter(
		(command) => !targetSpecific.includes(command),
	);
	return new Set([...common, ...target.commands]);
}

/** Returns the base's scripts in /etc/init.d that no other layer replaces. */
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
	for (const directory of searchPath) {
		const status = await lstat(join(tree, directory, command)).catch(
			() => null,
		);
		if (status?.isFile()) return (status.mode & 0o4000) !== 0;
	}
	return false;
}

async function readFromTopLayer(
	layers: readonly string[],
	path: string,
): Promise<string> {
	for (const layer of layers.toReversed()) {
		const text = await readFile(join(layer, path), "utf8").catch(() => null);
		if (text !== null) return text;
	}
	return "";
}

/** Returns whether a path exists in one of the layers, following links. */
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
