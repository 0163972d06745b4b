import { readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { makeDirectory } from "../../shared/make-directory.ts";
import { readFileIfExists } from "../../shared/secret-file.ts";

const stagedSchema = z.object({
	id: z.string(),
	build: z.string(),
	/** Of the store. */
	url: z.string(),
	/** The strong validator of each file for which the server sends one. */
	versions: z.record(z.string(), z.string()),
});
type Staged = z.output<typeof stagedSchema>;

/** A build of an app in a store. */
type StoreBuild = Omit<Staged, "versions">;

/** An interrupted installation. */
export interface InterruptedInstall {
	id: string;
	build: string;
	receivedBytes: number;
}

/**
 * The directory for downloads from a store. Files and their state survive a restart of the manager
 * until they are installed or discarded: an interrupted installation resumes with them.
 */
export class Staging {
	readonly directory: string;
	readonly #stateFile: string;
	#staged: Staged | undefined;

	/** @param directory that nothing else uses. */
	constructor(directory: string) {
		this.directory = join(directory, "files");
		this.#stateFile = join(directory, "staged.json");
	}

	/** Returns what has been downloaded, also before a restart of the manager. */
	async interrupted(): Promise<InterruptedInstall | undefined> {
		const staged = await this.#read();
		if (!staged) return undefined;
		const { id, build } = staged;
		return { id, build, receivedBytes: await sizeOf(this.directory) };
	}

	/** Keeps files of the same build and deletes any others. */
	async begin(wanted: StoreBuild): Promise<void> {
		const staged = await this.#read();
		const isSame =
			staged?.id === wanted.id &&
			staged.build === wanted.build &&
			staged.url === wanted.url;
		if (!isSame) await this.clear();
		await makeDirectory(this.directory);
		this.#staged = isSame ? staged : { ...wanted, versions: {} };
		await this.#write();
	}

	/** Returns the path of a file that may not exist yet, and makes its directory. */
	async pathFor(name: string): Promise<string> {
		const path = join(this.directory, name);
		await makeDirectory(dirname(path));
		return path;
	}

	/** The validator with which the partial file was sent. */
	validator(name: string): string | undefined {
		const { versions = {} } = this.#staged ?? {};
		// A file may be called "constructor".
		return Object.hasOwn(versions, name) ? versions[name] : undefined;
	}

	/** Call this before writing bytes that were sent with this validator. */
	async setValidator(
		name: string,
		validator: string | undefined,
	): Promise<void> {
		if (!this.#staged || this.validator(name) === validator) return;
		if (validator === undefined) delete this.#staged.versions[name];
		else this.#staged.versions[name] = validator;
		await this.#write();
	}

	async clear(): Promise<void> {
		this.#staged = undefined;
		// First, because files without it are ignored.
		await rm(this.#stateFile, { force: true });
		await rm(this.directory, { recursive: true, force: true });
	}

	async #read(): Promise<Staged | undefined> {
		const text = await readFileIfExists(this.#stateFile);
		if (text === undefined) return undefined;
		try {
			return stagedSchema.parse(JSON.parse(text));
		} catch {
			return undefined; // Damaged: the files are then ignored.
		}
	}

	async #write(): Promise<void> {
		const fresh = `${this.#stateFile}.new`;
		// The URL may contain a password. If a power cut damages the file, the download starts over.
		await writeFile(fresh, JSON.stringify(this.#staged), { mode: 0o600 });
		await rename(fresh, this.#stateFile);
	}
}

async function sizeOf(directory: string): Promise<number> {
	const entries = await readdir(directory, {
		recursive: true,
		withFileTypes: true,
	}).catch(() => []);
	const sizes = entries
		.filter((entry) => entry.isFile())
		.map(async (entry) => {
			// It may have been deleted since.
			const found = stat(join(entry.parentPath, entry.name));
			return (await found.catch(() => undefined))?.size ?? 0;
		});
	return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
