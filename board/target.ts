/** What differs per target, as data; adding one means adding a folder of its name and a row. */
export interface Target {
	name: string;
	/** Debian's name of the architecture. */
	debianArchitecture: string;
	/** The kernel's ARCH, its make target and the file that comes out. */
	kernel: { arch: string; makeTarget: string; image: string };
	/** xz's filter for this machine code, which makes archives a few per cent smaller. */
	xzFilter: string;
	/** The disk files made for it; the first is the install image. */
	formats: readonly Format[];
}

export const formats = ["img", "ova", "qcow2", "vhdx"] as const;
export type Format = (typeof formats)[number];

export const targets: readonly Target[] = [
	{
		name: "x86_64",
		debianArchitecture: "amd64",
		kernel: {
			arch: "x86",
			makeTarget: "bzImage",
			image: "arch/x86/boot/bzImage",
		},
		xzFilter: "--x86",
		formats: ["img", "ova", "qcow2", "vhdx"],
	},
];
