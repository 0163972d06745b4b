import { open } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { builtImage, copyOf, type Disk } from "../machine/index.ts";

const quiet = $({ quiet: true });
const bootPartition = "?offset=1048576";

/** Returns the built image with one byte changed in the middle of a file on its boot partition. */
export function imageWithDamaged(file: string): Disk {
	return async (directory, name) => {
		const disk = await copyOf({ path: builtImage("img"), format: "raw" })(
			directory,
			name,
		);
		const partition = disk.path + bootPartition;
		const copy = join(directory, "damaged");
		await quiet`debugfs -R ${`dump ${file} ${copy}`} ${partition}`;
		await changeMiddleByte(copy);
		await quiet`debugfs -w -R ${`rm ${file}`} ${partition}`;
		await quiet`debugfs -w -R ${`write ${copy} ${file}`} ${partition}`;
		return disk;
	};
}

async function changeMiddleByte(path: string): Promise<void> {
	const file = await open(path, "r+");
	const { size } = await file.stat();
	const middle = Math.floor(size / 2);
	const byte = Buffer.alloc(1);
	await file.read(byte, 0, 1, middle);
	byte.writeUInt8(byte.readUInt8() ^ 0xff);
	await file.write(byte, 0, 1, middle);
	await file.close();
}
