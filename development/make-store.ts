import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import * as z from "zod";
import { $ } from "zx";
import { targets } from "../board/target.ts";
import {
	freeName,
	plainName,
} from "../manager/app-hosting/services/service.ts";
import { sha256Of } from "../manager/app-hosting/services/service-files.ts";
import {
	catalogue,
	parseFileList,
} from "../manager/app-hosting/store/catalogue.ts";
import { bundleProgram } from "../manager/bundle.ts";
import { parsePublicKey } from "../manager/shared/minisign.ts";

export { targetNames } from "../board/target.ts";

/** The directory of an app with its web pages. */
const webDirectory = "web";

/** The app.json of an app. */
const appDescription = z.strictObject({
	id: plainName,
	folder: freeName,
	binary: plainName,
	title: z.string(),
	description: z.string(),
	manufacturer: z.string(),
	/** Increases with each release. */
	build: z.int().min(1),
	label: z.string(),
});

/**
 * Creates a store in a directory from apps. Each app is a directory with app.json, main.ts and
 * optionally a directory `web`. Their programs are bundles for Node, the same for all targets.
 * @returns the ids of the apps.
 * @throws Error naming the app that cannot be built.
 */
export async function makeStore(
	appDirectories: readonly string[],
	directory: string,
): Promise<string[]> {
	const apps = [];
	for (const source of appDirectories) {
		const text = await readFile(join(source, "app.json"), "utf8");
		const { build, label, ...app } = appDescription.parse(JSON.parse(text));
		const sums = await writeBuild(source, join(directory, String(build)), app);
		apps.push({ ...app, versions: [{ build: String(build), label, sums }] });
	}
	const content = catalogue.parse({ apps });
	// A signature of the catalogue before would be a wrong one.
	for (const name of ["apps.json.minisig", "store.pub"])
		await rm(join(directory, name), { force: true });
	await writeFile(
		join(directory, "apps.json"),
		`${JSON.stringify(content, undefined, "\t")}\n`,
	);
	return apps.map(({ id }) => id);
}

/**
 * Signs a store's apps.json, and with it all files, and puts the public key beside it. minisign asks at the terminal
 * for the key's password if it has one.
 * @param secretKeyFile NAME.key; the public key is in NAME.pub.
 * @throws Error naming the file that is missing or not a key.
 */
export async function signStore(
	directory: string,
	secretKeyFile: string,
): Promise<void> {
	const publicKeyFile = `${secretKeyFile.replace(/\.key$/, "")}.pub`;
	for (const file of [secretKeyFile, publicKeyFile])
		if (!existsSync(file)) throw new Error(`the key ${file} does not exist`);
	const text = await readFile(publicKeyFile, "utf8");
	if (parsePublicKey(text) === undefined)
		throw new Error(`${publicKeyFile} is not a minisign public key`);
	const file = join(directory, "apps.json");
	await $({
		stdio: ["inherit", "pipe", "inherit"],
	})`minisign -S -s ${secretKeyFile} -m ${file} -t ${"app store"} -c ${"signature of an app store"}`;
	await $({ quiet: true })`minisign -V -q -p ${publicKeyFile} -m ${file}`;
	await writeFile(join(directory, "store.pub"), text);
}

/** @returns the app directories in a directory. */
export async function appDirectoriesIn(directory: string): Promise<string[]> {
	const entries = await readdir(directory, { withFileTypes: true });
	return entries
		.filter((entry) => entry.isDirectory())
		.map(({ name }) => join(directory, name))
		.sort();
}

/** @returns the checksum of its checksums. */
async function writeBuild(
	source: string,
	directory: string,
	{ id, folder, binary }: { id: string; folder: string; binary: string },
): Promise<string> {
	const [first, ...others] = targets.map(({ name: target }) =>
		join(directory, target, folder),
	) as [string, ...string[]];
	// An earlier build may have left files.
	await rm(first, { recursive: true, force: true });
	await mkdir(first, { recursive: true });
	await bundleProgram(join(source, "main.ts"), join(first, binary));
	const pages = join(source, webDirectory);
	if (existsSync(pages)) await copyCompressed(pages, join(first, webDirectory));
	const files = await filesIn(first);
	for (const other of others) {
		await rm(other, { recursive: true, force: true });
		await cp(first, other, { recursive: true });
	}
	const sums: string[] = [];
	for (const file of files) {
		const sum = await sha256Of(join(first, file));
		for (const { name: target } of targets)
			sums.push(`${sum}  ${target}/${folder}/${file}\n`);
	}
	const list = parseFileList(files.join(","));
	await writeFile(join(directory, `${id}_files`), list.join(","));
	await writeFile(join(directory, `${id}_sha256`), sums.join(""));
	return createHash("sha256").update(sums.join("")).digest("hex");
}

async function filesIn(directory: string): Promise<string[]> {
	const entries = await readdir(directory, {
		recursive: true,
		withFileTypes: true,
	});
	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => relative(directory, join(entry.parentPath, entry.name)))
		.sort();
}

const compressions = {
	".br": promisify(brotliCompress),
	".gz": (content: Buffer) => promisify(gzip)(content, { level: 9 }),
};
/** A compressed file is kept if it is less than this fraction of the original; pictures hardly shrink. */
const maxRatio = 0.9;

/** Copies a directory and adds compressed variants beside its files, if they are smaller. */
async function copyCompressed(from: string, to: string): Promise<void> {
	await cp(from, to, { recursive: true });
	const entries = await readdir(to, { recursive: true, withFileTypes: true });
	for (const entry of entries.filter((one) => one.isFile())) {
		const path = join(entry.parentPath, entry.name);
		const content = await readFile(path);
		for (const [suffix, compress] of Object.entries(compressions)) {
			const smaller = await compress(content);
			if (smaller.length < content.length * maxRatio)
				await writeFile(path + suffix, smaller);
		}
	}
}
