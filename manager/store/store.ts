import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import * as z from "zod";
import type { Config } from "../config/config.ts";
import { OperationError } from "../operations/operation.ts";
import type { ServiceFile } from "../services/service.ts";
import type { Services } from "../services/services.ts";
import { unpackStore } from "./archive.ts";
import {
	catalogue,
	parseFileList,
	parseSums,
	type StoreApp,
} from "./catalogue.ts";
import { downloadFile } from "./download.ts";
import { missing, StoreSource } from "./source.ts";

const settingName = "appStoreUrl";
const developerMode = "developerMode";
const mostCatalogueBytes = 8 * 1024 * 1024;
const mostListBytes = 64 * 1024;
const mostFileBytes = 256 * 1024 * 1024;

/** What a store calls machines, by what Node calls their processors. */
const targetOf: Partial<Record<string, string>> = {
	x64: "x86_64",
	arm64: "arm64",
	arm: "arm",
};

/** What is being fetched now. */
export interface Fetching {
	id: string;
	file: string;
	receivedBytes: number;
}

/** Apps that can be had, and their way from the store onto this machine. */
export class Store {
	readonly #config: Config;
	readonly #services: Services;
	readonly #folder: string;
	#fetching: Fetching | undefined;
	/** While it can still be cancelled. */
	#cancelling: AbortController | undefined;

	/** @param folder for files on their way; what is in it is removed. */
	constructor(config: Config, services: Services, folder: string) {
		this.#config = config;
		this.#services = services;
		this.#folder = folder;
	}

	get fetching(): Fetching | undefined {
		return this.#fetching;
	}

	/** @returns "" where none is set. */
	async url(): Promise<string> {
		return (await this.#config.read(settingName, z.string())) ?? "";
	}

	setUrl(url: string): Promise<void> {
		return this.#config.write(settingName, url);
	}

	/** Whether whoever writes apps may install them without a store. */
	async isDeveloperMode(): Promise<boolean> {
		return (await this.#config.read(developerMode, z.boolean())) ?? false;
	}

	setDeveloperMode(isOn: boolean): Promise<void> {
		return this.#config.write(developerMode, isOn);
	}

	async refuseUnlessDeveloperMode(): Promise<void> {
		if (!(await this.isDeveloperMode()))
			throw new OperationError(
				409,
				"developerModeOff",
				"Apps are uploaded in developer mode only: switch it on first",
			);
	}

	/** @throws OperationError where the store cannot be read, or is none. */
	async apps(): Promise<StoreApp[]> {
		return appsOf(await this.#source(), new AbortController().signal);
	}

	/**
	 * Installs the newest build of an app as a service, or updates the service to it.
	 * @throws OperationError; what ran before runs on then.
	 */
	install(id: string): Promise<void> {
		return this.#alone(id, async (progress, signal) => {
			const source = await this.#source();
			const app = (await appsOf(source, signal)).find((one) => one.id === id);
			if (!app)
				throw new OperationError(404, "noSuchApp", `The store has no ${id}`);
			await this.#install(source, app, progress, signal);
		});
	}

	/**
	 * The same from a tar archive of a store that has one app.
	 * @throws OperationError; what ran before runs on then.
	 */
	installArchive(archive: Readable): Promise<{ id: string; build: string }> {
		return this.#alone("an uploaded app", async (progress, signal) => {
			const folder = join(this.#folder, "uploaded");
			await mkdir(folder);
			await unpackStore(archive, folder, (bytes) => {
				progress.receivedBytes = bytes;
			});
			const source = new StoreSource(folder);
			const [app, another] = await appsOf(source, signal);
			if (!app || another)
				throw new OperationError(
					400,
					"notOneApp",
					"The archive is to have one app, and no other: npm run store -- DIR APP",
				);
			await this.#install(source, app, progress, signal);
			return { id: app.id, build: app.versions[0]?.build ?? "" };
		});
	}

	/** One installation at a time, in an empty folder. */
	async #alone<Result>(
		id: string,
		work: (progress: Fetching, signal: AbortSignal) => Promise<Result>,
	): Promise<Result> {
		if (this.#fetching)
			throw new OperationError(
				409,
				"busy",
				`${this.#fetching.id} is being installed: wait until it is done`,
			);
		this.#fetching = { id, file: "apps.json", receivedBytes: 0 };
		this.#cancelling = new AbortController();
		const { signal } = this.#cancelling;
		try {
			await rm(this.#folder, { recursive: true, force: true });
			await mkdir(this.#folder, { recursive: true });
			return await work(this.#fetching, signal);
		} catch (error) {
			throw signal.aborted ? cancelled(id) : error;
		} finally {
			this.#fetching = undefined;
			this.#cancelling = undefined;
			await rm(this.#folder, { recursive: true, force: true });
		}
	}

	async #install(
		source: StoreSource,
		app: StoreApp,
		progress: Fetching,
		signal: AbortSignal,
	): Promise<void> {
		const { id, folder, binary, title } = app;
		progress.id = id;
		const [{ build, label }] = app.versions as [StoreApp["versions"][0]];
		const files = await this.#fetch(source, app, build, progress, signal);
		this.#cancelling = undefined;
		if (!files.some(({ name }) => name === binary))
			throw new OperationError(
				502,
				"storeFailed",
				`The store's ${id} has no ${binary}`,
			);
		await this.#services.install({
			service: { id, folder, binary, title, build, label },
			folder: this.#folder,
			files,
		});
	}

	/** Ends what is being fetched. @throws OperationError where there is nothing, or all is there. */
	cancel(): void {
		if (!this.#cancelling)
			throw new OperationError(
				409,
				"nothingToCancel",
				this.#fetching
					? `${this.#fetching.id} has been fetched, and is being started`
					: "Nothing is being fetched",
			);
		this.#cancelling.abort();
	}

	async #fetch(
		source: StoreSource,
		{ id, folder }: StoreApp,
		build: string,
		progress: Fetching,
		signal: AbortSignal,
	): Promise<ServiceFile[]> {
		const target = targetOf[process.arch] ?? process.arch;
		const listFile = `${build}/${id}_files`;
		const list = await source.text(listFile, mostListBytes, signal);
		const names = understood(listFile, () => parseFileList(list));
		const sumsFile = `${build}/${id}_sha256`;
		// The published layout has none; where there are some they count.
		const sums = await source.text(sumsFile, mostListBytes, signal).then(
			(text) => understood(sumsFile, () => parseSums(text)),
			(error: OperationError) => {
				if (error.code === missing) return undefined;
				throw error;
			},
		);
		const files: ServiceFile[] = [];
		for (const name of names) {
			const path = `${target}/${folder}/${name}`;
			progress.file = name;
			const to = join(this.#folder, name);
			await mkdir(dirname(to), { recursive: true });
			const sha256 = await downloadFile(
				source,
				`${build}/${path}`,
				to,
				mostFileBytes,
				(bytes) => {
					progress.receivedBytes = bytes;
				},
				signal,
			);
			if (sums && sums.get(path) !== sha256)
				throw new OperationError(
					502,
					"storeFailed",
					`The store's ${build}/${path} is damaged: its checksum is not that in ${sumsFile}`,
				);
			files.push({ name, sha256 });
		}
		return files;
	}

	async #source(): Promise<StoreSource> {
		const url = await this.url();
		if (url === "")
			throw new OperationError(
				409,
				"noStore",
				"No app store is set: give its address first",
			);
		return new StoreSource(url);
	}
}

async function appsOf(
	source: StoreSource,
	signal: AbortSignal,
): Promise<StoreApp[]> {
	const text = await source.text("apps.json", mostCatalogueBytes, signal);
	return understood("apps.json", () => catalogue.parse(JSON.parse(text))).apps;
}

function cancelled(id: string): OperationError {
	return new OperationError(
		409,
		"cancelled",
		`The installation of ${id} was cancelled`,
	);
}

/** @throws OperationError that names the file whose content is not what it should be. */
function understood<Result>(file: string, read: () => Result): Result {
	try {
		return read();
	} catch (error) {
		const reason =
			error instanceof z.ZodError
				? z.prettifyError(error)
				: (error as Error).message;
		throw new OperationError(
			502,
			"storeFailed",
			`The store's ${file} cannot be used: ${reason}`,
		);
	}
}
