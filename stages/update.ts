import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import type { Target } from "../board/target.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import { slotFiles } from "./boot-partition.ts";
import type { Release } from "./release.ts";

/** The name that stores use: update-armel.img beside app-platform-armel.img. */
export const updateFile = ({ imageName }: Target) =>
	`${imageName.replace(/^app-platform/, "update")}.img`;

/**
 * The update file: the slot's files as one archive, signature and checksums first. An install image would
 * make the manager mount a file system of unknown origin.
 */
export async function updateStage(
	target: Target,
	boot: StageResult,
	release: Release,
): Promise<Stage> {
	return {
		name: `update ${target.name}`,
		module: import.meta.filename,
		inputs: {
			boot: boot.key,
			epochSeconds: release.epochSeconds,
		},
		async make({ directory, report }) {
			report("packing");
			const archive = pack();
			const written = pipeline(
				archive,
				createWriteStream(join(directory, updateFile(target))),
			);
			const mtime = new Date(release.epochSeconds * 1000);
			const files = await slotFiles(target, boot);
			for (const { name, path } of signatureFirst(files)) {
				const { size } = await stat(path);
				await pipeline(
					createReadStream(path),
					archive.entry({ name, size, mtime, mode: 0o644 }),
				);
			}
			archive.finalize();
			await written;
		},
	};
}

const head = ["SHA256SUMS.minisig", "SHA256SUMS", "release"];

function signatureFirst<File extends { name: string }>(files: File[]): File[] {
	const rank = ({ name }: File) =>
		head.includes(name) ? head.indexOf(name) : head.length;
	return files.toSorted((a, b) => rank(a) - rank(b));
}
