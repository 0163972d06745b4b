import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, open, readdir, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Database, Query } from "../../database/database.ts";
import { makeDirectory } from "../../shared/make-directory.ts";
import {
	instancesDirectory,
	type Service,
	type ServiceFile,
} from "./service.ts";

/** Small enough for a machine with 256 MB of memory. */
const partBytes = 1024 * 1024;

/** Writes files of a directory into the database. @throws Error if one does not match its checksum. */
export async function storeFiles(
	query: Query,
	serviceId: string,
	directory: string,
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
		for await (const part of createReadStream(join(directory, name), {
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
			throw new Error(`${name} does not match its checksum`);
	}
}

/** Restores missing and changed files of a service from the database and deletes any others. */
export async function restoreFiles(
	database: Database,
	service: Service,
	directory: string,
): Promise<void> {
	await makeDirectory(directory, 0o755);
	const files = await database.query<ServiceFile>(
		"SELECT name, sha256 FROM service_file WHERE service_id = $1",
		[service.id],
	);
	await copyMissingFiles(files, directory, ({ name }, to) =>
		copyFromDatabase(database, service.id, name, to),
	);
	await deleteOtherFiles(files, directory);
	await sync(directory);
}

/** Deletes all files but these, those of instances, and those that root has put there: the manager is not root. */
export async function deleteOtherFiles(
	files: readonly ServiceFile[],
	directory: string,
): Promise<void> {
	const wanted = new Set(files.map(({ name }) => name));
	for (const path of await listFiles(directory))
		if (!wanted.has(path))
			await unlink(join(directory, path)).catch(ignoreForbidden);
}

function ignoreForbidden(error: NodeJS.ErrnoException): void {
	if (error.code !== "EPERM" && error.code !== "EACCES") throw error;
}

/** Returns relative paths of all files but those of instances. */
async function listFiles(directory: string, below = ""): Promise<string[]> {
	const paths: string[] = [];
	const entries = await readdir(join(directory, below), {
		withFileTypes: true,
	}).catch(ignoreForbidden);
	for (const entry of entries ?? []) {
		const path = join(below, entry.name);
		if (entry.isFile()) paths.push(path);
		else if (entry.isDirectory() && path !== instancesDirectory)
			paths.push(...(await listFiles(directory, path)));
	}
	return paths;
}

/**
 * Copies missing and changed files to a directory: all of them or, as on a full disk, none.
 * @param copy writes a file to a path.
 */
export async function copyMissingFiles(
	files: readonly ServiceFile[],
	directory: string,
	copy: (file: ServiceFile, to: string) => Promise<void>,
): Promise<void> {
	const missing: ServiceFile[] = [];
	for (const file of files)
		if ((await sha256Of(join(directory, file.name))) !== file.sha256)
			missing.push(file);
	const copies = missing.map(
		(file, index) => [file, join(directory, `${index}.new`)] as const,
	);
	try {
		await makeDirectory(directory, 0o755);
		for (const [file, path] of copies) {
			await copy(file, path);
			await sync(path);
			if ((await sha256Of(path)) !== file.sha256)
				throw new Error(`${file.name} is damaged at its source`);
		}
	} catch (error) {
		for (const [, path] of copies) await rm(path, { force: true });
		throw error;
	}
	const changed = new Set([directory]);
	for (const [{ name }, from] of copies) {
		await clearPath(directory, name);
		await rename(from, join(directory, name));
		for (let path = dirname(name); path !== "."; path = dirname(path))
			changed.add(join(directory, path));
	}
	for (const one of changed) await sync(one);
}

/** Makes room for a file: the previous build may have a directory in its place, or a file in place of its directory. */
async function clearPath(directory: string, name: string): Promise<void> {
	const isDirectory = async (path: string) =>
		(await lstat(path).catch(() => undefined))?.isDirectory();
	for (let path = dirname(name); path !== "."; path = dirname(path))
		if ((await isDirectory(join(directory, path))) === false)
			await rm(join(directory, path));
	if (await isDirectory(join(directory, name)))
		await rm(join(directory, name), { recursive: true });
	await makeDirectory(dirname(join(directory, name)), 0o755);
}

async function copyFromDatabase(
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

/** @returns lower-case hex; undefined if there is no such file. */
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

/** Flushes a file or directory to the disk. */
async function sync(path: string): Promise<void> {
	const file = await open(path);
	await file.sync().finally(() => file.close());
}
