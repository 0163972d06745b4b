import {
	type DiskLayout,
	gatewayLayout,
	vmLayout,
} from "../partitioning/layout.ts";

/** The properties of a target. To add a target, add a directory with its name and a row below. */
export interface Target {
	name: string;
	/** File name without extension, as gateways request it. */
	imageName: string;
	/** Debian's name of the architecture. */
	debianArchitecture: string;
	/** Node's name of the architecture, by which the manager finds the apps for its target. */
	nodeArchitecture: NodeJS.Architecture;
	/** GNU triplet: the prefix of its compiler's name. */
	gnuTriplet: string;
	/** The kernel's ARCH, its make target and the resulting file. */
	kernel: {
		arch: string;
		makeTarget: string;
		image: string;
	};
	/** Debian packages for this target, in addition to the common ones. */
	packages: readonly string[];
	/** Commands that its image must have, in addition to the common ones. */
	commands: readonly string[];
	layout: DiskLayout;
	/** xz's filter for this machine code; makes archives a few per cent smaller. */
	xzFilter: string;
	/** Files that the build produces; the first is the install image. */
	formats: readonly Format[];
}

/** Disk formats, and the update file of an installed system. */
export const formats = ["img", "ova", "qcow2", "vhdx", "update"] as const;
export type Format = (typeof formats)[number];

export const targets: readonly Target[] = [
	{
		name: "x86_64",
		imageName: "app-platform-x86_64",
		debianArchitecture: "amd64",
		nodeArchitecture: "x64",
		gnuTriplet: "x86_64-linux-gnu",
		kernel: {
			arch: "x86",
			makeTarget: "bzImage",
			image: "arch/x86/boot/bzImage",
		},
		// gdb needs libipt2 for Intel processor traces.
		packages: [
			"open-vm-tools",
			"qemu-guest-agent",
			"hyperv-daemons",
			"kbd",
			"console-data",
			"libipt2",
		],
		commands: [
			"vmtoolsd",
			"vmware-rpctool",
			"qemu-ga",
			"hv_kvp_daemon",
			"hv_vss_daemon",
			"loadkeys",
		],
		layout: vmLayout,
		xzFilter: "--x86",
		formats: ["img", "ova", "qcow2", "vhdx", "update"],
	},
	{
		name: "arm64",
		imageName: "app-platform-arm64",
		debianArchitecture: "arm64",
		nodeArchitecture: "arm64",
		gnuTriplet: "aarch64-linux-gnu",
		kernel: {
			arch: "arm64",
			// Not compressed: the kernel cannot decompress itself, and U-Boot does so only if the
			// board's environment has kernel_comp_addr_r.
			makeTarget: "Image",
			image: "arch/arm64/boot/Image",
		},
		packages: [],
		commands: [],
		layout: gatewayLayout,
		xzFilter: "--arm64",
		formats: ["img", "update"],
	},
	{
		name: "arm",
		// Gateways request this name; the contents are ARMv7 with hard float (Debian's armhf).
		imageName: "app-platform-armel",
		debianArchitecture: "armhf",
		nodeArchitecture: "arm",
		gnuTriplet: "arm-linux-gnueabihf",
		kernel: {
			arch: "arm",
			makeTarget: "zImage",
			image: "arch/arm/boot/zImage",
		},
		packages: [],
		commands: [],
		layout: gatewayLayout,
		xzFilter: "--arm",
		formats: ["img", "update"],
	},
];

/** The targets' names, by Node's names of their architectures. */
export const targetNames: Readonly<Record<string, string>> = Object.fromEntries(
	targets.map(({ nodeArchitecture, name }) => [nodeArchitecture, name]),
);
