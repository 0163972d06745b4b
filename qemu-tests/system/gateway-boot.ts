import type { TestFn } from "ava";
import {
	bootFile,
	builtImage,
	type Machine,
	machineForTests,
	overlayOn,
	type TargetName,
} from "../machine/index.ts";

// A gateway and the ways it boots.
const minute = 60_000;

export type GatewayTarget = Exclude<TargetName, "x86_64">;

/** Returns a gateway with an SSD that has only the image at its start. */
export function newGateway(
	test: TestFn,
	target: GatewayTarget,
	name: string,
): Machine {
	const image = async () =>
		({ path: builtImage("img", target), format: "raw" }) as const;
	return machineForTests(test, {
		name,
		target,
		disks: [overlayOn(image, { sizeGB: 8 })],
	});
}

/** Waits until U-Boot has read extlinux.conf on the disk and boots the entry with this label. */
export async function waitForUBoot(
	{ console }: Machine,
	label: "rescue" | "system",
): Promise<void> {
	await console.expect(/U-Boot 20\d\d/, { timeoutMs: minute });
	await console.expect("/extlinux/extlinux.conf", { timeoutMs: minute });
	await console.expect(new RegExp(`\\d:\\s+${label}\\n`));
	await console.expect("Starting kernel", { timeoutMs: 3 * minute });
}

/** Waits until the kernel runs the init of the system on sda3, without the rescue system. */
export async function waitForInit({ console }: Machine): Promise<void> {
	await console.expect("Run /sbin/init", {
		timeoutMs: 2 * minute,
		unless: /RAMDISK:|Kernel panic/,
	});
}

/**
 * Boots as a gateway does whose fields name a root and files at the top of the first partition, without a boot loader
 * and further kernel options.
 */
export async function bootByFields(
	machine: Machine,
	{ root, initrd }: { root: string; initrd?: string },
): Promise<void> {
	const [disk] = await machine.disks();
	if (!disk) throw new Error(`${machine.name} has no disk`);
	const copy = (name: string) => bootFile(machine.hardware.target, disk, name);
	const kernel = await copy("linux");
	const rescue = initrd ? { initrd: await copy(initrd) } : {};
	await machine.boot({ directBoot: { kernel, ...rescue, append: root } });
}

/** Shuts the system down. Root is logged in at the console. */
export async function switchOff(machine: Machine): Promise<void> {
	machine.console.send("poweroff\n");
	await machine.waitForPowerOff();
}
