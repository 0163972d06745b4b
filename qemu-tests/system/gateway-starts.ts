import type { TestFn } from "ava";
import {
	bootFile,
	builtImage,
	type Machine,
	machineForTests,
	overlayOn,
	type TargetName,
} from "../machine/index.ts";

// A gateway, and the ways in which it starts.
const minute = 60_000;

export type GatewayTarget = Exclude<TargetName, "x86_64">;

/** Its SSD has the image at its start and nothing else. */
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

/** U-Boot reads extlinux.conf on the disk and starts the entry with this label. */
export async function startedByUBoot(
	{ console }: Machine,
	label: "rescue" | "system",
): Promise<void> {
	await console.expect(/U-Boot 20\d\d/, { timeoutMs: minute });
	await console.expect("/extlinux/extlinux.conf", { timeoutMs: minute });
	await console.expect(new RegExp(`\\d:\\s+${label}\\n`));
	await console.expect("Starting kernel", { timeoutMs: 3 * minute });
}

/** The kernel goes straight to the system on sda3. */
export async function runsWithoutRamdisk({ console }: Machine): Promise<void> {
	await console.expect("Run /sbin/init", {
		timeoutMs: 2 * minute,
		unless: /RAMDISK:|Kernel panic/,
	});
}

/**
 * Starts as a gateway does whose fields name a root and files at the top of the first
 * partition. It has no boot loader, and the kernel is told nothing else.
 */
export async function bootByFields(
	machine: Machine,
	{ root, initrd }: { root: string; initrd?: string },
): Promise<void> {
	const [disk] = await machine.disks();
	if (!disk) throw new Error(`${machine.name} has no disk`);
	const copy = (name: string) => bootFile(machine.hardware.target, disk, name);
	const kernel = await copy("linux");
	const ramdisk = initrd ? { initrd: await copy(initrd) } : {};
	await machine.boot({ directBoot: { kernel, ...ramdisk, append: root } });
}

/** Root is at the console. */
export async function switchOff(machine: Machine): Promise<void> {
	machine.console.send("poweroff\n");
	await machine.waitForPowerOff();
}
