import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Database, Query } from "../database/database.ts";
import type { Service, ServiceFile } from "./service.ts";

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
	await mkdir(folder, { recursive: true, mode: 0o755 });
	const files = await database.query<ServiceFile>(
		"SELECT name, sha256 FROM service_file WHERE service_id = $1",
		[service.id],
	);
	const missing = [];
	for (const file of files)
		if ((await sha256Of(join(folder, file.name))) !== file.sha256)
			missing.push(file);
	// All of them before the first takes its place: a full disk leaves no mixture.
	for (const { name, sha256 } of missing) {
		const path = join(folder, `${name}.new`);
		await restore(database, service.id, name, path);
		if ((await sha256Of(path)) !== sha256)
			throw new Error(`${name} of ${service.id} is damaged in the database`);
	}
	for (const { name } of missing)
		await rename(join(folder, `${name}.new`), join(folder, name));
	const wanted = new Set(files.map(({ name }) => name));
	for (const entry of await readdir(folder, { withFileTypes: true }))
		if (entry.isFile() && !wanted.has(entry.name))
			await rm(join(folder, entry.name));
	await syncFolder(folder);
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
		await file.sync();
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
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
	return hash.digest("hex");
}

async function syncFolder(path: string): Promise<void> {
	const folder = await open(path);
	await folder.sync().finally(() => folder.close());
}
