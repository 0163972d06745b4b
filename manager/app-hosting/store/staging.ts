import { readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { makeFolder } from "../../shared/make-folder.ts";
import { readFileIfThere } from "../../shared/secret-file.ts";

const stagedSchema = z.object({
	id: z.string(),
	build: z.string(),
	/** Of the store. */
	url: z.string(),
	/** What the server calls each file, where it calls it anything. */
	versions: z.record(z.string(), z.string()),
});
type Staged = z.output<typeof stagedSchema>;

/** Which build of which app, and of which store. */
type Build = Omit<Staged, "versions">;

/** What has arrived of an installation that was interrupted. */
export interface Interrupted {
	id: string;
	build: string;
	receivedBytes: number;
}

/**
 * Files on their way from a store. They and what is known of them outlive the manager, until they
 * are installed or given up: an installation that was interrupted goes on with what is there.
 */
export class Staging {
	readonly folder: string;
	readonly #stateFile: string;
	#staged: Staged | undefined;

	/** @param folder which nobody else uses. */
	constructor(folder: string) {
		this.folder = join(folder, "files");
		this.#stateFile = join(folder, "staged.json");
	}

	/** What is there, also from a manager before this one. */
	async left(): Promise<Interrupted | undefined> {
		const staged = await this.#read();
		if (!staged) return undefined;
		const { id, build } = staged;
		return { id, build, receivedBytes: await sizeOf(this.folder) };
	}

	/** Keeps what is there of the same build, and nothing else. */
	async begin(wanted: Build): Promise<void> {
		const staged = await this.#read();
		const isSame =
			staged?.id === wanted.id &&
			staged.build === wanted.build &&
			staged.url === wanted.url;
		if (!isSame) await this.clear();
		await makeFolder(this.folder);
		this.#staged = isSame ? staged : { ...wanted, versions: {} };
		await this.#write();
	}

	/** Where a file is or will be, in a folder that is there. */
	async place(name: string): Promise<string> {
		const path = join(this.folder, name);
		await makeFolder(dirname(path));
		return path;
	}

	/** What the server called the file of which there is a part. */
	version(name: string): string | undefined {
		const { versions = {} } = this.#staged ?? {};
		// A file may be called "constructor".
		return Object.hasOwn(versions, name) ? versions[name] : undefined;
	}

	/** Before anything of that version is written. */
	async setVersion(name: string, version: string | undefined): Promise<void> {
		if (!this.#staged || this.version(name) === version) return;
		if (version === undefined) delete this.#staged.versions[name];
		else this.#staged.versions[name] = version;
		await this.#write();
	}

	async clear(): Promise<void> {
		this.#staged = undefined;
		// First: files without it are nothing.
		await rm(this.#stateFile, { force: true });
		await rm(this.folder, { recursive: true, force: true });
	}

	async #read(): Promise<Staged | undefined> {
		const text = await readFileIfThere(this.#stateFile);
		if (text === undefined) return undefined;
		try {
			return stagedSchema.parse(JSON.parse(text));
		} catch {
			return undefined; // Nobody knows then what the files are.
		}
	}

	async #write(): Promise<void> {
		const fresh = `${this.#stateFile}.new`;
		// The URL may have a password. A power cut may take the file: then all is fetched anew.
		await writeFile(fresh, JSON.stringify(this.#staged), { mode: 0o600 });
		await rename(fresh, this.#stateFile);
	}
}

async function sizeOf(folder: string): Promise<number> {
	const entries = await readdir(folder, {
		recursive: true,
		withFileTypes: true,
	}).catch(() => []);
	const sizes = entries
		.filter((entry) => entry.isFile())
		.map(async (entry) => {
			// Meanwhile it may be gone.
			const found = stat(join(entry.parentPath, entry.name));
			return (await found.catch(() => undefined))?.size ?? 0;
		});
	return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
