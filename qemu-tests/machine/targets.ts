import type {
	AgentChannel,
	DiskControllerName,
	NetworkCard,
} from "./devices.ts";

/** What differs between the targets for a virtual machine. */
export type Target = {
	emulator: string;
	/** The value of -machine. */
	machineType: string;
	cpu: string;
	/** Started by QEMU instead of what it brings itself. */
	firmware?: string;
	/** The kernel's name of the first serial line. */
	consoleDevice: string;
	/** Extra devices that a PC has anyway. */
	devices: readonly string[];
	/** What a machine has when its test does not say anything else. */
	usual: {
		diskController: DiskControllerName;
		network: NetworkCard;
		guestAgent: AgentChannel;
		memoryMB: number;
	};
	/** The names of its images, without the ending. */
	imageName: string;
	/** The first partition of its images, and the kernel on it. */
	boot: { fileSystem: "ext2" | "fat32"; sizeMB: number; kernel: string };
};

/**
 * A gateway's board describes itself to U-Boot and the kernel by a device tree alone: no ACPI,
 * which would also take the power button from the device tree. Its addresses are within 32
 * bits, as a kernel without LPAE needs it.
 */
const gatewayMachine = "virt,acpi=off,highmem=off";

/** A gateway starts from its SSD by U-Boot, in Debian's package u-boot-qemu. */
const gateway = {
	machineType: gatewayMachine,
	consoleDevice: "ttyAMA0",
	devices: [],
	usual: {
		diskController: "ahci",
		network: "virtio-net-pci",
		guestAgent: "none",
		memoryMB: 256,
	},
	boot: { fileSystem: "fat32", sizeMB: 200, kernel: "linux" },
} as const satisfies Partial<Target>;

export const targets = {
	x86_64: {
		emulator: "qemu-system-x86_64",
		machineType: "pc",
		cpu: "max",
		consoleDevice: "ttyS0",
		devices: ["VGA"],
		usual: {
			diskController: "virtio-blk",
			network: "virtio-net-pci",
			guestAgent: "none",
			memoryMB: 512,
		},
		imageName: "app-platform-x86_64",
		boot: { fileSystem: "ext2", sizeMB: 350, kernel: "a/linux" },
	},
	arm64: {
		...gateway,
		emulator: "qemu-system-aarch64",
		// A quarter slower than `max`, but without instructions that gateways do not have.
		cpu: "cortex-a53",
		firmware: "/usr/lib/u-boot/qemu_arm64/u-boot.bin",
		imageName: "app-platform-arm64",
	},
	arm: {
		...gateway,
		emulator: "qemu-system-arm",
		cpu: "cortex-a15",
		firmware: "/usr/lib/u-boot/qemu_arm/u-boot.bin",
		imageName: "app-platform-armel",
	},
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof targets;
