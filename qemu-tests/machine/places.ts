import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { $ } from "zx";
import { cacheDirectory, contentHash } from "./cache.ts";
import type { DiskFormat } from "./disks.ts";

const outDirectory = fileURLToPath(new URL("../../out/", import.meta.url));

/** Another folder with images to test, for instance those of a release. */
const imageDirectory =
	process.env.QEMU_TEST_IMAGES ?? join(outDirectory, "x86_64");

/** Serial logs, screenshots and the report of measured figures. */
export const logDirectory = join(outDirectory, "qemu-tests");

/** A built image, exactly as users get it. */
export function builtImage(format: DiskFormat | "img" | "ova"): string {
	const name = `app-platform-x86_64.${format}`;
	const path = join(imageDirectory, name);
	if (!existsSync(path))
		throw new Error(
			`${path} is missing: build it with npm run build -- x86_64`,
		);
	return path;
}

/** The kernel on the built image's boot partition, copied out once per image. */
export async function kernelOfImage(): Promise<string> {
	const image = builtImage("img");
	const directory = cacheDirectory("qemu-tests");
	await mkdir(directory, { recursive: true });
	const key = await contentHash(builtImage("qcow2"));
	const path = join(directory, `kernel-${key.slice(0, 16)}`);
	if (!existsSync(path)) {
		const partition = `${image}?offset=${1024 * 1024}`;
		const partial = `${path}.${process.pid}`;
		await $({
			quiet: true,
		})`debugfs -R ${`dump /a/linux ${partial}`} ${partition}`;
		await rename(partial, path);
	}
	return path;
}
