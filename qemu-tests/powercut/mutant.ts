import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { findSigner, sign } from "../../stages/signing.ts";
import { builtImage, copyOf, type Disk } from "../machine/index.ts";
import { withTemporaryDirectory } from "./file-systems.ts";

/** A change to a script of the rescue system or the system that makes a power cut harmful. */
export interface Mutant {
	name: string;
	/** The path of the script. */
	script: string;
	/** Must occur in the script, otherwise the mutant is outdated. */
	original: string;
	mutated: string;
	/** Console output after the harm is done; if not given, the whole story is recorded. */
	until?: RegExp;
}

const quiet = $({ quiet: true });
const slot = "/a";

/** Returns the changed script. @throws Error unless the original text occurs exactly once. */
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

/** Returns the built image with the change in its rescue system. */
export function mutantImage(
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

/** Changes the rescue system on a raw disk and signs its slot again. */
export async function mutate(disk: string, mutant: Mutant): Promise<void> {
	const partition = `${disk}?offset=1048576`;
	await withTemporaryDirectory(async (directory) => {
		const dump = async (file: string) => {
			await quiet`debugfs -R ${`dump ${slot}/${file} ${join(directory, file)}`} ${partition}`;
			return join(directory, file);
		};
		const archive = await dump("ramdisk.ext2.xz");
		const sums = await dump("SHA256SUMS");
		await changeRescueSystem(archive, mutant);
		const { stdout } = await quiet`sha256sum ${archive}`;
		const text = await readFile(sums, "utf8");
		await writeFile(
			sums,
			text.replace(/^\w+(?= {2}ramdisk\.ext2\.xz$)/m, stdout.slice(0, 64)),
		);
		await sign(await findSigner(undefined), sums, "a mutant");
		for (const file of ["ramdisk.ext2.xz", "SHA256SUMS", "SHA256SUMS.minisig"])
			await replaceFile(partition, `${slot}/${file}`, join(directory, file));
	});
}

async function changeRescueSystem(
	archive: string,
	mutant: Mutant,
): Promise<void> {
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
