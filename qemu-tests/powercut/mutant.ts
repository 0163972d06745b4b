import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { findSigner, sign } from "../../stages/signing.ts";
import { builtImage, copyOf, type Disk } from "../machine/index.ts";
import { withFolder } from "./file-systems.ts";

/** A change to a script of the ramdisk or the system, by which a power cut would do harm. */
export interface Mutant {
	name: string;
	/** Its path there. */
	script: string;
	/** Must be there, or the mutant has outlived the script. */
	original: string;
	mutated: string;
	/** Shown on the console when the harm is done; without this, the whole story is recorded. */
	until?: RegExp;
}

const quiet = $({ quiet: true });
const set = "/a";

/** The script with the change. @throws Error where it has no such place, or several. */
export function mutated(
	text: string,
	{ name, script, original, mutated }: Omit<Mutant, "until">,
): string {
	const [before, after, ...more] = text.split(original);
	if (before === undefined || after === undefined || more.length > 0)
		throw new Error(
			`${script} no longer has what the mutant "${name}" changes`,
		);
	return before + mutated + after;
}

/** The built image with the change in its ramdisk. */
export function imageOfMutant(
	mutant: Mutant,
	{ sizeMB }: { sizeMB: number },
): Disk {
	const image = { path: builtImage("img"), format: "raw" } as const;
	return async (directory, name) => {
		const disk = await copyOf(image, { sizeMB })(directory, name);
		await mutate(disk.path, mutant);
		return disk;
	};
}

/** Changes the ramdisk on a raw disk; its set is signed anew. */
export async function mutate(disk: string, mutant: Mutant): Promise<void> {
	const partition = `${disk}?offset=1048576`;
	await withFolder(async (folder) => {
		const dump = async (file: string) => {
			await quiet`debugfs -R ${`dump ${set}/${file} ${join(folder, file)}`} ${partition}`;
			return join(folder, file);
		};
		const ramdisk = await dump("ramdisk.ext2.xz");
		const sums = await dump("SHA256SUMS");
		await changeRamdisk(ramdisk, mutant);
		const { stdout } = await quiet`sha256sum ${ramdisk}`;
		const text = await readFile(sums, "utf8");
		await writeFile(
			sums,
			text.replace(/^\w+(?= {2}ramdisk\.ext2\.xz$)/m, stdout.slice(0, 64)),
		);
		await sign(await findSigner(undefined), sums, "a mutant");
		for (const file of ["ramdisk.ext2.xz", "SHA256SUMS", "SHA256SUMS.minisig"])
			await replaceFile(partition, `${set}/${file}`, join(folder, file));
	});
}

async function changeRamdisk(archive: string, mutant: Mutant): Promise<void> {
	const { script } = mutant;
	await quiet`xz -d ${archive}`;
	const fileSystem = archive.replace(/\.xz$/, "");
	const copy = join(fileSystem, "..", "script");
	await quiet`debugfs -R ${`dump -p ${script} ${copy}`} ${fileSystem}`;
	await writeFile(copy, mutated(await readFile(copy, "utf8"), mutant));
	await replaceFile(fileSystem, script, copy);
	const { publicKey } = await findSigner(undefined);
	const key = join(fileSystem, "..", "mutant.pub");
	await writeFile(key, publicKey);
	await quiet`debugfs -w -R ${`write ${key} /etc/app-platform-keys/mutant.pub`} ${fileSystem}`;
	await quiet`xz --check=crc32 -2 ${fileSystem}`;
}

async function replaceFile(
	fileSystem: string,
	path: string,
	content: string,
): Promise<void> {
	await quiet`debugfs -w -R ${`rm ${path}`} ${fileSystem}`;
	await quiet`debugfs -w -R ${`write ${content} ${path}`} ${fileSystem}`;
}
