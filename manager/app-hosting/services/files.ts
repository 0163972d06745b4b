import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Database, Query } from "../../database/database.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { instancesFolder, type Service, type ServiceFile } from "./service.ts";

/** Small enough for a machine of 256 MB. */
const partBytes = 1024 * 1024;

/** Writes the files of a folder into the database. @throws Error where one has changed on the way. */
export async function storeFiles(
	query: Query,
	serviceId: string,
	folder: string,
	files: readonly ServiceFile[],
): Promise<void> {
	for (const { name, sha256 } of files) {
		await query("INSERT INTO service_file VALUES ($1, $2, $3)", [
			serviceId,
			name,
			sha256,
		]);
		const hash = createHash("sha256");
		let number = 0;
		for await (const part of createReadStream(join(folder, name), {
			highWaterMark: partBytes,
		})) {
			hash.update(part);
			await query("INSERT INTO service_file_part VALUES ($1, $2, $3, $4)", [
				serviceId,
				name,
				number,
				part,
			]);
			number += 1;
		}
		if (hash.digest("hex") !== sha256)
			throw new Error(`${name} is not what it should be`);
	}
}

/** Brings what is missing or wrong in the service's folder there from the database. */
export async function restoreFiles(
	database: Database,
	service: Service,
	folder: string,
): Promise<void> {
	await makeFolder(folder, 0o755);
	const files = await database.query<ServiceFile>(
		"SELECT name, sha256 FROM service_file WHERE service_id = $1",
		[service.id],
	);
	await placeFiles(files, folder, ({ name }, to) =>
		restore(database, service.id, name, to),
	);
	await removeOthers(files, folder);
	await sync(folder);
}

/** All that is not of these files goes, but for what instances have. */
export async function removeOthers(
	files: readonly ServiceFile[],
	folder: string,
): Promise<void> {
	const wanted = new Set(files.map(({ name }) => name));
	for (const path of await filesIn(folder))
		if (!wanted.has(path)) await rm(join(folder, path));
}

/** Their paths, without those of instances. */
async function filesIn(folder: string, below = ""): Promise<string[]> {
	const paths: string[] = [];
	const entries = await readdir(join(folder, below), { withFileTypes: true });
	for (const entry of entries) {
		const path = join(below, entry.name);
		if (entry.isFile()) paths.push(path);
		else if (entry.isDirectory() && path !== instancesFolder)
			paths.push(...(await filesIn(folder, path)));
	}
	return paths;
}

/**
 * Has those files in a folder that are not there yet: all or, as on a full disk, none.
 * @param fetch writes a file to a path.
 */
export async function placeFiles(
	files: readonly ServiceFile[],
	folder: string,
	fetch: (file: ServiceFile, to: string) => Promise<void>,
): Promise<void> {
	const missing: ServiceFile[] = [];
	for (const file of files)
		if ((await sha256Of(join(folder, file.name))) !== file.sha256)
			missing.push(file);
	const arriving = missing.map(
		(file, index) => [file, join(folder, `${index}.new`)] as const,
	);
	try {
		await makeFolder(folder, 0o755);
		for (const [file, path] of arriving) {
			await fetch(file, path);
			await sync(path);
			if ((await sha256Of(path)) !== file.sha256)
				throw new Error(`${file.name} is damaged where it comes from`);
		}
	} catch (error) {
		for (const [, path] of arriving) await rm(path, { force: true });
		throw error;
	}
	const changed = new Set([folder]);
	for (const [{ name }, from] of arriving) {
		await makeWay(folder, name);
		await rename(from, join(folder, name));
		for (let path = dirname(name); path !== "."; path = dirname(path))
			changed.add(join(folder, path));
	}
	for (const one of changed) await sync(one);
}

/** For a file: a build may have a folder where the one before had a file, or a file for a folder. */
async function makeWay(folder: string, name: string): Promise<void> {
	const isFolder = async (path: string) =>
		(await lstat(path).catch(() => undefined))?.isDirectory();
	for (let path = dirname(name); path !== "."; path = dirname(path))
		if ((await isFolder(join(folder, path))) === false)
			await rm(join(folder, path));
	if (await isFolder(join(folder, name)))
		await rm(join(folder, name), { recursive: true });
	await makeFolder(dirname(join(folder, name)), 0o755);
}

async function restore(
	database: Database,
	serviceId: string,
	name: string,
	path: string,
): Promise<void> {
	const file = await open(path, "w", 0o755);
	try {
		for (let number = 0; ; number += 1) {
			const [part] = await database.query<{ content: Buffer }>(
				`SELECT content FROM service_file_part
				 WHERE service_id = $1 AND name = $2 AND number = $3`,
				[serviceId, name, number],
			);
			if (!part) break;
			await file.writeFile(part.content);
		}
	} finally {
		await file.close();
	}
}

/** @returns lower-case hex; undefined where there is no such file. */
export async function sha256Of(path: string): Promise<string | undefined> {
	const hash = createHash("sha256");
	try {
		for await (const chunk of createReadStream(path)) hash.update(chunk);
	} catch (error) {
		const { code = "" } = error as NodeJS.ErrnoException;
		if (["ENOENT", "ENOTDIR", "EISDIR"].includes(code)) return undefined;
		throw error;
	}
	return hash.digest("hex");
}

/** A file or a folder, to the disk. */
async function sync(path: string): Promise<void> {
	const file = await open(path);
	await file.sync().finally(() => file.close());
}
