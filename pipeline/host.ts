import { spawnSync } from "node:child_process";

/** Debian packages that the build host needs, by purpose. */
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
		"grub-efi-amd64-signed",
		"grub-pc-bin",
		"icu-devtools",
		"minisign",
		"mtools",
		"dosfstools",
		"qemu-utils",
		"shim-signed",
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
	manager: ["haproxy", "minisign", "openssl", "postgresql"],
	machine: [
		"dnsmasq-base",
		"genisoimage",
		"iproute2",
		"nftables",
		"ovmf",
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
		"nmap",
		"openssh-client",
		"pebble",
		"postgresql",
		"runit",
		"shellcheck",
		"ssh-audit",
		"testssl.sh",
	],
	bench: ["nginx"],
} as const;

/** Returns the package of the compiler for a target; it provides the command `<gnuTriplet>-gcc`. */
export function compilerPackage({
	debianArchitecture,
	gnuTriplet,
}: {
	debianArchitecture: string;
	gnuTriplet: string;
}): string {
	const host = spawnSync("dpkg", ["--print-architecture"]).stdout?.toString();
	return host?.trim() === debianArchitecture
		? "gcc"
		: `gcc-${gnuTriplet.replaceAll("_", "-")}`;
}

/**
 * Installs and logs the missing packages of the named groups.
 * @throws Error with the command to type when offline, or without root and a sudo that asks no password.
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
			`packages are missing and cannot be installed offline. Run as root: ${command}`,
		);
	const asRoot = rootPrefix();
	if (!asRoot)
		throw new Error(
			`packages are missing and this user cannot install them. Run as root: apt-get update && ${command}`,
		);
	console.log(`Installing on this machine (apt): ${missing.join(" ")}`);
	apt(asRoot, ["update", "--quiet=2"]);
	apt(asRoot, command.split(" ").slice(1).concat("--quiet=2"));
}

/** Returns the versions of a group's packages: an input of stages whose result depends on these tools. */
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

/** Returns the prefix that runs a command as root; undefined if there is none. */
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
			// Another installation may be running, as after the first start of a machine.
			...["-o", "DPkg::Lock::Timeout=600", ...args],
		],
		{ stdio: ["ignore", "ignore", "inherit"] },
	);
	if (status !== 0)
		throw new Error(`apt-get ${args[0]} failed: see the lines above`);
}
