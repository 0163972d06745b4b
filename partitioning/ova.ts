import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import { ovfDescriptor } from "./ovf.ts";
import { withWorkDirectory } from "./tools.ts";

/** Documented names. */
const NAME = "app-platform";
const DISK_NAME = `${NAME}-disk1.vmdk`;

export interface OvaInputs {
	/** A streamOptimized VMDK. */
	vmdk: string;
	/** Virtual size of the disk. */
	diskBytes: number;
	version: string;
	build: number;
	epochSeconds: number;
	outputPath: string;
}

/**
 * Writes an OVA: a ustar archive of the OVF descriptor (first, as OVF 1.1 requires), the manifest with
 * SHA-256 checksums, and the disk.
 */
export async function makeOva(inputs: OvaInputs): Promise<void> {
	const { vmdk, diskBytes, version, build, epochSeconds, outputPath } = inputs;
	const vmdkBytes = (await stat(vmdk)).size;
	const descriptor = ovfDescriptor({
		diskName: DISK_NAME,
		diskBytes,
		vmdkBytes,
		version,
		build,
	});
	const vmdkHash = createHash("sha256");
	await pipeline(createReadStream(vmdk), vmdkHash);
	const manifest = [
		[`${NAME}.ovf`, createHash("sha256").update(descriptor).digest("hex")],
		[DISK_NAME, vmdkHash.digest("hex")],
	]
		.map(([name, sum]) => `SHA256(${name})= ${sum}\n`)
		.join("");

	await withWorkDirectory(outputPath, async (directory) => {
		const partial = join(directory, "ova");
		const archive = pack();
		const written = pipeline(archive, createWriteStream(partial));
		const common = {
			mode: 0o644,
			uid: 0,
			gid: 0,
			mtime: new Date(epochSeconds * 1000),
		};
		archive.entry({ ...common, name: `${NAME}.ovf` }, descriptor);
		archive.entry({ ...common, name: `${NAME}.mf` }, manifest);
		await pipeline(
			createReadStream(vmdk),
			archive.entry({ ...common, name: DISK_NAME, size: vmdkBytes }),
		);
		archive.finalize();
		await written;
		await rename(partial, outputPath);
	});
}
