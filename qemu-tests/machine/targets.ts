import {
	gatewayLayout,
	type Partition,
	vmLayout,
} from "../../partitioning/layout.ts";
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
	/** Replaces QEMU's own firmware. */
	firmware?: string;
	/** The kernel's name of the first serial line. */
	consoleDevice: string;
	/** Additional devices that every PC has. */
	devices: readonly string[];
	/** The defaults of a machine. */
	usual: {
		diskController: DiskControllerName;
		network: NetworkCard;
		guestAgent: AgentChannel;
		memoryMB: number;
	};
	/** The name of the target's images, without the extension. */
	imageName: string;
	/** The first partition of its images. */
	boot: Partition & { sizeBytes: number };
	/** The kernel's path on it. */
	kernel: string;
};

/**
 * A gateway describes itself to U-Boot and the kernel only by a device tree. There is no ACPI, which would also take
 * over the power button of the device tree. Addresses are within 32 bits, as a kernel without LPAE requires.
 */
const gatewayMachine = "virt,acpi=off,highmem=off";

/** A gateway boots from its SSD with U-Boot, from Debian's package u-boot-qemu. */
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
	boot: gatewayLayout.boot,
	kernel: "linux",
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
		boot: vmLayout.boot,
		kernel: "a/linux",
	},
	arm64: {
		...gateway,
		emulator: "qemu-system-aarch64",
		// A quarter slower than `max`, but without instructions that gateways lack.
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
