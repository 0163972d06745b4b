/** What differs between the targets for a virtual machine. */
export type Target = {
	emulator: string;
	/** The value of -machine. */
	machineType: string;
	cpu: string;
	/** The kernel's name of the first serial line. */
	consoleDevice: string;
	/** Extra devices that a PC has anyway. */
	devices: readonly string[];
};

export const targets = {
	x86_64: {
		emulator: "qemu-system-x86_64",
		machineType: "pc",
		cpu: "max",
		consoleDevice: "ttyS0",
		devices: ["VGA"],
	},
	arm64: {
		emulator: "qemu-system-aarch64",
		machineType: "virt",
		cpu: "cortex-a53",
		consoleDevice: "ttyAMA0",
		devices: [],
	},
	arm: {
		emulator: "qemu-system-arm",
		machineType: "virt",
		cpu: "cortex-a15",
		consoleDevice: "ttyAMA0",
		devices: [],
	},
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof targets;
