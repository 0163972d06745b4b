import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DiskFormat } from "./disks.ts";
import { type TargetName, targets } from "./targets.ts";

const outDirectory = fileURLToPath(new URL("../../out/", import.meta.url));

/** Another directory with images to test, for instance those of a release. */
const otherImages = process.env.QEMU_TEST_IMAGES;

/** Serial logs, screenshots and the report of measured figures. */
export const logDirectory = join(outDirectory, "qemu-tests");

/** Returns the path of a built image, exactly as users get it. */
export function builtImage(
	format: DiskFormat | "img" | "ova",
	target: TargetName = "x86_64",
): string {
	const name = `${targets[target].imageName}.${format}`;
	const paths = otherImages
		? [join(otherImages, target, name), join(otherImages, name)]
		: [join(outDirectory, target, name)];
	const path = paths.find(existsSync);
	if (!path)
		throw new Error(
			`${paths.join(" and ")} is missing: build it with npm run build -- ${target}`,
		);
	return path;
}

/** Returns the path of the update file that was built with the image, or of the next build's. */
export function builtUpdate(
	of: "out" | "next",
	target: TargetName = "x86_64",
): string {
	const directory =
		of === "out" ? (otherImages ?? outDirectory) : join(outDirectory, "next");
	const name = targets[target].imageName.replace(/^app-platform/, "update");
	const path = join(directory, target, `${name}.img`);
	const options =
		of === "out" ? "" : " --build 999999 --format update --output out/next";
	if (!existsSync(path))
		throw new Error(
			`${path} is missing: build it with npm run build -- ${target}${options}`,
		);
	return path;
}
