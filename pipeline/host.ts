import { spawnSync } from "node:child_process";
import type { Target } from "../board/target.ts";

/** Debian packages of the build host, by what needs them. */
export const hostPackages = {
	kernel: [
		"bc",
		"bison",
		"ccache",
		"cpio",
		"flex",
		"gcc",
		"libc6-dev",
		"libelf-dev",
		"libssl-dev",
		"make",
		"rsync",
		"zstd",
	],
	image: [
		"binutils",
		"debian-archive-keyring",
		"e2fsprogs",
		"fdisk",
		"genext2fs",
		"genimage",
		"grub-common",
		"grub-pc-bin",
		"icu-devtools",
		"minisign",
		"mtools",
		"dosfstools",
		"qemu-utils",
		"xz-utils",
	],
	buildroot: [
		"bc",
		"bzip2",
		"ca-certificates",
		"cpio",
		"diffutils",
		"file",
		"g++",
		"gcc",
		"git",
		"make",
		"patch",
		"perl",
		"python3",
		"rsync",
		"unzip",
		"wget",
		"xz-utils",
	],
	manager: ["haproxy", "openssl", "postgresql"],
	machine: [
		"dnsmasq-base",
		"iproute2",
		"qemu-system-arm",
		"qemu-system-x86",
		"socat",
		"u-boot-qemu",
	],
	test: [
		"chromium",
		"curl",
		"haproxy",
		"litmus",
		"mariadb-client-core",
		"mariadb-server-core",
		"openssh-client",
		"pebble",
		"postgresql",
		"runit",
		"shellcheck",
	],
	bench: ["nginx"],
} as const;

/** The package of the compiler that makes code for a target; GNU's name of it comes with it. */
export function compilerPackage({
	debianArchitecture,
	gnuTriplet,
}: Target): string {
	const host = spawnSync("dpkg", ["--print-architecture"]).stdout?.toString();
	return host?.trim() === debianArchitecture
		? "gcc"
		: `gcc-${gnuTriplet.replaceAll("_", "-")}`;
}

/**
 * Installs what is missing of the named groups and packages, after saying what. Without root or a sudo
 * that asks nothing, throws an error with the command to type.
 */
export function prepareHost(
	groups: (keyof typeof hostPackages)[],
	{
		packages = [],
		offline = false,
	}: { packages?: readonly string[]; offline?: boolean } = {},
): void {
	const missing = groups
		.flatMap((group): readonly string[] => hostPackages[group])
		.concat(packages)
		.filter((name) => !isInstalled(name));
	if (missing.length === 0) return;
	const command = `apt-get install --yes --no-install-recommends ${missing.join(" ")}`;
	if (offline)
		throw new Error(
			`offline, but this machine lacks packages. Type as root: ${command}`,
		);
	const asRoot = rootPrefix();
	if (!asRoot)
		throw new Error(
			`this machine lacks packages and this user cannot install them. Type as root: apt-get update && ${command}`,
		);
	console.log(`Installing on this machine (apt): ${missing.join(" ")}`);
	apt(asRoot, ["update", "--quiet=2"]);
	apt(asRoot, command.split(" ").slice(1).concat("--quiet=2"));
}

/** The versions of a group's packages: an input of the stages whose bytes depend on these tools. */
export function hostToolVersions(group: keyof typeof hostPackages): string {
	return dpkgQuery(hostPackages[group]);
}

function isInstalled(name: string): boolean {
	return dpkgQuery([name]).startsWith("installed ");
}

function dpkgQuery(names: readonly string[]): string {
	// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own syntax
	const format = "${db:Status-Status} ${Package} ${Version}\\n";
	const query = spawnSync("dpkg-query", ["-W", "-f", format, ...names]);
	return query.stdout?.toString() ?? "";
}

/** What goes before a command to run it as root; undefined where that is not possible. */
function rootPrefix(): string[] | undefined {
	if (process.getuid?.() === 0) return ["env"];
	const sudo = spawnSync("sudo", ["--non-interactive", "true"]);
	return sudo.status === 0 ? ["sudo", "--non-interactive", "env"] : undefined;
}

function apt(asRoot: string[], args: string[]): void {
	const [program, ...prefix] = asRoot as [string, ...string[]];
	const { status } = spawnSync(
		program,
		[
			...[...prefix, "DEBIAN_FRONTEND=noninteractive", "apt-get"],
			// Another installation may be under way, as after the first start of a machine.
			...["-o", "DPkg::Lock::Timeout=600", ...args],
		],
		{ stdio: ["ignore", "ignore", "inherit"] },
	);
	if (status !== 0)
		throw new Error(
			`apt-get ${args[0]} failed on this machine: the lines above say why`,
		);
}
