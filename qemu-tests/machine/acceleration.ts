import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory, withLock } from "./cache.ts";
import { type TargetName, targets } from "./targets.ts";
import { timeLimit } from "./time.ts";

export type Acceleration = "kvm" | "tcg";

/**
 * Returns KVM if it boots a kernel, otherwise emulation: a guest may hang although /dev/kvm can be opened. The
 * result is cached until this host restarts, so that a run of many test files probes only once.
 * QEMU_TEST_ACCELERATION=tcg (or kvm) overrides the probe.
 */
export async function acceleration(
	target: TargetName,
	kernel: () => Promise<string>,
): Promise<Acceleration> {
	if (target !== hostTarget()) return "tcg";
	const chosen = process.env.QEMU_TEST_ACCELERATION;
	if (chosen === "kvm" || chosen === "tcg") return chosen;
	if (!canOpenKvm()) return "tcg";

	const directory = cacheDirectory("qemu-tests");
	await mkdir(directory, { recursive: true });
	const bootId = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
	const cacheFile = join(directory, `kvm-${target}-${bootId.trim()}`);
	return withLock(`${cacheFile}.lock`, async () => {
		const known = await readFile(cacheFile, "utf8").catch(() => undefined);
		if (known === "kvm" || known === "tcg") return known;
		const result = (await bootsWithKvm(target, await kernel())) ? "kvm" : "tcg";
		await writeFile(cacheFile, result);
		return result;
	});
}

function hostTarget(): TargetName | undefined {
	if (process.arch === "x64") return "x86_64";
	return process.arch === "arm64" ? "arm64" : undefined;
}

function canOpenKvm(): boolean {
	try {
		accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
		return true;
	} catch {
		return false;
	}
}

/** Without a root file system the kernel panics at the end of its boot, and -no-reboot makes QEMU exit. */
async function bootsWithKvm(
	name: TargetName,
	kernel: string,
): Promise<boolean> {
	const { emulator, machineType, consoleDevice } = targets[name];
	const machine = `-nodefaults -no-reboot -display none -serial stdio -m 256 -cpu host -accel kvm -machine ${machineType}`;
	const child = spawn(
		emulator,
		[
			...machine.split(" "),
			...["-kernel", kernel, "-append", `console=${consoleDevice} panic=-1`],
		],
		{ stdio: ["ignore", "pipe", "ignore"] },
	);
	const timer = setTimeout(() => child.kill("SIGKILL"), timeLimit(8_000));
	let output = "";
	child.stdout.on("data", (chunk: Buffer) => {
		output += chunk.toString("latin1");
	});
	await once(child, "close");
	clearTimeout(timer);
	return output.includes("Kernel panic");
}
