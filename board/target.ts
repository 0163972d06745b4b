import {
	type DiskLayout,
	gatewayLayout,
	vmLayout,
} from "../partitioning/layout.ts";

/** What differs per target, as data; adding one means adding a folder of its name and a row. */
export interface Target {
	name: string;
	/** What its files are called, without the ending: the names that gateways ask for. */
	imageName: string;
	/** Debian's name of the architecture. */
	debianArchitecture: string;
	/** What GNU calls it: the first part of its compilers' names. */
	gnuTriplet: string;
	/** The kernel's ARCH, its make target and the file that comes out. */
	kernel: {
		arch: string;
		makeTarget: string;
		image: string;
	};
	/** Debian's packages for this target besides those for all. */
	packages: readonly string[];
	/** Commands that must be on its image besides those for all. */
	commands: readonly string[];
	layout: DiskLayout;
	/** xz's filter for this machine code, which makes archives a few per cent smaller. */
	xzFilter: string;
	/** The disk files made for it; the first is the install image. */
	formats: readonly Format[];
}

/** Disks, and the file that an installed system takes as its update. */
export const formats = ["img", "ova", "qcow2", "vhdx", "update"] as const;
export type Format = (typeof formats)[number];

export const targets: readonly Target[] = [
	{
		name: "x86_64",
		imageName: "app-platform-x86_64",
		debianArchitecture: "amd64",
		gnuTriplet: "x86_64-linux-gnu",
		kernel: {
			arch: "x86",
			makeTarget: "bzImage",
			image: "arch/x86/boot/bzImage",
		},
		// libipt2 is for gdb, which follows Intel's processor traces.
		packages: [
			"open-vm-tools",
			"qemu-guest-agent",
			"kbd",
			"console-data",
			"libipt2",
		],
		commands: ["vmtoolsd", "qemu-ga", "loadkeys"],
		layout: vmLayout,
		xzFilter: "--x86",
		formats: ["img", "ova", "qcow2", "vhdx", "update"],
	},
	{
		name: "arm64",
		imageName: "app-platform-arm64",
		debianArchitecture: "arm64",
		gnuTriplet: "aarch64-linux-gnu",
		kernel: {
			arch: "arm64",
			// Not compressed: it cannot unpack itself, and U-Boot does it only where the
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
		// Gateways ask for this name; what is in it is ARMv7 with hard floats (Debian's armhf).
		imageName: "app-platform-armel",
		debianArchitecture: "armhf",
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
