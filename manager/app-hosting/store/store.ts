import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import * as z from "zod";
import type { Database } from "../../database/database.ts";
import type { Config } from "../../settings/config.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { sha256Of } from "../services/files.ts";
import type { ServiceFile } from "../services/service.ts";
import type { Services } from "../services/services.ts";
import { unpackStore } from "./archive.ts";
import type { StoreApp } from "./catalogue.ts";
import { DownloadInterrupted, downloadFile } from "./download.ts";
import { appsOf, type ListedFile, listFiles } from "./listing.ts";
import { StoreSource } from "./source.ts";
import { type Interrupted, Staging } from "./staging.ts";

const settingName = "appStoreUrl";
const developerMode = "developerMode";
const mostFileBytes = 256 * 1024 * 1024;

/** What is being fetched now. */
export interface Fetching {
	id: string;
	file: string;
	receivedBytes: number;
}

/** Apps that can be had, and their way from the store onto this machine. */
export class Store implements Part {
	readonly name = "store";
	readonly #config: Config;
	readonly #services: Services;
	/** Where an upload is unpacked. */
	readonly #uploaded: string;
	readonly #staging: Staging;
	readonly #database: Database;
	readonly #defaultUrl: string;
	readonly #log: Log;
	#isStopping = false;
	#lookedBack: Promise<void> | undefined;
	#working: Promise<unknown> | undefined;
	#fetching: Fetching | undefined;
	/** While it can still be cancelled. */
	#cancelling: AbortController | undefined;

	/** @param places.folder for files on their way. @param places.url of the store where none is set; may be "". */
	constructor(
		config: Config,
		database: Database,
		services: Services,
		{ folder, url }: { folder: string; url: string },
		log: Log,
	) {
		this.#config = config;
		this.#database = database;
		this.#services = services;
		this.#uploaded = join(folder, "uploaded");
		this.#staging = new Staging(folder);
		this.#defaultUrl = url;
		this.#log = log;
	}

	start(): void {
		this.#lookedBack = this.#database
			.whenReady(() => this.#lookBack())
			.catch((error) =>
				this.#log.error({ err: error }, "what was being installed is unknown"),
			);
	}

	/** At what the manager before this one has left. */
	async #lookBack(): Promise<void> {
		await rm(this.#uploaded, { recursive: true, force: true });
		const left = await this.#staging.left();
		const installed = left ? await this.#services.installed() : [];
		const isDone = installed.some(
			({ id, build }) => id === left?.id && build === left.build,
		);
		if (left && !isDone)
			this.#log.warn(left, "the installation of an app was interrupted");
		else await this.#staging.clear();
	}

	/** What has arrived stays. */
	async stop(): Promise<void> {
		this.#isStopping = true;
		this.#cancelling?.abort();
		await this.#working;
	}

	get fetching(): Fetching | undefined {
		return this.#fetching;
	}

	/** What was begun and neither ended nor given up. */
	async interrupted(): Promise<Interrupted | undefined> {
		return this.#fetching ? undefined : this.#staging.left();
	}

	/** @returns "" where none is set. */
	async url(): Promise<string> {
		return (
			(await this.#config.read(settingName, z.string())) ?? this.#defaultUrl
		);
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
				"conflict",
				"developerModeOff",
				"Apps are uploaded in developer mode only: switch it on first",
			);
	}

	/** @throws OperationError where the store cannot be read, or is none. */
	async apps(): Promise<StoreApp[]> {
		return appsOf(await this.#source(), new AbortController().signal);
	}

	/**
	 * Installs the newest build of an app as a service, or updates the service to it. Goes on where
	 * an installation of the same build was interrupted.
	 * @throws OperationError; what ran before runs on then.
	 */
	install(id: string): Promise<void> {
		return this.#alone(id, async (progress, signal) => {
			const source = await this.#source();
			const app = (await appsOf(source, signal)).find((one) => one.id === id);
			if (!app)
				throw new OperationError(
					"notFound",
					"noSuchApp",
					`The store has no ${id}`,
				);
			await this.#install(source, await this.url(), app, progress, signal);
		});
	}

	/**
	 * The same from a tar archive of a store that has one app.
	 * @throws OperationError; what ran before runs on then.
	 */
	installArchive(archive: Readable): Promise<{ id: string; build: string }> {
		return this.#alone("an uploaded app", async (progress, signal) => {
			await this.#lookedBack;
			const folder = this.#uploaded;
			try {
				await rm(folder, { recursive: true, force: true });
				await makeFolder(folder);
				const received = (bytes: number) => {
					progress.receivedBytes = bytes;
				};
				await unpackStore(archive, folder, received, signal);
				const source = new StoreSource(folder);
				const [app, another] = await appsOf(source, signal);
				if (!app || another)
					throw new OperationError(
						"invalid",
						"notOneApp",
						"The archive is to have one app, and no other: npm run store -- DIR APP",
					);
				await this.#install(source, folder, app, progress, signal);
				return { id: app.id, build: app.versions[0]?.build ?? "" };
			} finally {
				await rm(folder, { recursive: true, force: true });
			}
		});
	}

	/** One installation at a time. */
	async #alone<Result>(
		id: string,
		work: (progress: Fetching, signal: AbortSignal) => Promise<Result>,
	): Promise<Result> {
		if (this.#fetching)
			throw new OperationError(
				"conflict",
				"busy",
				`${this.#fetching.id} is being installed: wait until it is done`,
			);
		this.#fetching = { id, file: "apps.json", receivedBytes: 0 };
		this.#cancelling = new AbortController();
		const { signal } = this.#cancelling;
		const result = work(this.#fetching, signal).finally(() => {
			this.#fetching = undefined;
			this.#cancelling = undefined;
		});
		this.#working = result.catch(() => {});
		return result.catch((error) => {
			throw signal.aborted ? cancelled(id) : error;
		});
	}

	async #install(
		source: StoreSource,
		url: string,
		app: StoreApp,
		progress: Fetching,
		signal: AbortSignal,
	): Promise<void> {
		const { id, folder, binary, title } = app;
		progress.id = id;
		const [{ build, label }] = app.versions as [StoreApp["versions"][0]];
		const wanted = await listFiles(source, app, build, signal);
		if (!wanted.some(({ name }) => name === binary))
			throw new OperationError(
				"upstream",
				"storeFailed",
				`The store's ${id} has no ${binary}`,
			);
		await this.#lookedBack;
		await this.#staging.begin({ id, build, url });
		let isWorthKeeping = false;
		try {
			const files: ServiceFile[] = [];
			for (const file of wanted)
				files.push(await this.#fetch(source, file, progress, signal));
			this.#cancelling = undefined;
			await this.#services.install({
				service: { id, folder, binary, title, build, label },
				folder: this.#staging.folder,
				files,
			});
		} catch (error) {
			isWorthKeeping = this.#isStopping || error instanceof DownloadInterrupted;
			throw error;
		} finally {
			if (!isWorthKeeping) await this.#staging.clear();
		}
	}

	/**
	 * Ends what is being fetched, or gives up what was interrupted.
	 * @throws OperationError where there is nothing, or all is there.
	 */
	async cancel(): Promise<void> {
		if (this.#cancelling) return this.#cancelling.abort();
		const left = await this.interrupted();
		if (!left)
			throw new OperationError(
				"conflict",
				"nothingToCancel",
				this.#fetching
					? `${this.#fetching.id} has been fetched, and is being started`
					: "Nothing is being fetched",
			);
		// Nobody is to go on with it meanwhile.
		await this.#alone(left.id, () => this.#staging.clear());
	}

	async #fetch(
		source: StoreSource,
		{ name, path, sha256: wanted }: ListedFile,
		progress: Fetching,
		signal: AbortSignal,
	): Promise<ServiceFile> {
		progress.file = name;
		progress.receivedBytes = 0;
		const place = await this.#staging.place(name);
		// Of one that was interrupted.
		if (wanted && (await sha256Of(place)) === wanted)
			return { name, sha256: wanted };
		const sha256 = await downloadFile(
			source,
			path,
			this.#staging,
			name,
			mostFileBytes,
			(bytes) => {
				progress.receivedBytes = bytes;
			},
			signal,
		);
		if (wanted && wanted !== sha256)
			throw new OperationError(
				"upstream",
				"storeFailed",
				`The store's ${path} is damaged: its checksum is not that in its list`,
			);
		return { name, sha256 };
	}

	async #source(): Promise<StoreSource> {
		const url = await this.url();
		if (url === "")
			throw new OperationError(
				"conflict",
				"noStore",
				"No app store is set: give its address first",
			);
		return new StoreSource(url);
	}
}

function cancelled(id: string): OperationError {
	return new OperationError(
		"conflict",
		"cancelled",
		`The installation of ${id} was cancelled`,
	);
}
