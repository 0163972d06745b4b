import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import type { Database } from "../../database/database.ts";
import type { Job, Jobs } from "../../jobs/jobs.ts";
import type { Settings } from "../../settings/settings.ts";
import { formatBytes } from "../../shared/format.ts";
import { assertFreeSpace } from "../../shared/free-space.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { makeDirectory } from "../../shared/make-directory.ts";
import { OperationError } from "../../shared/operation-error.ts";
import type { ServiceFile } from "../services/service.ts";
import { sha256Of } from "../services/service-files.ts";
import type { Services } from "../services/services.ts";
import { unpackStore } from "./archive.ts";
import type { StoreApp } from "./catalogue.ts";
import { DownloadInterrupted, downloadFile } from "./download.ts";
import { type ListedFile, listFiles, readCatalogue } from "./listing.ts";
import { type InterruptedInstall, Staging } from "./staging.ts";
import { StoreSource } from "./store-source.ts";
import {
	assertMayInstall,
	type StoreSignature,
	type StoreTrust,
} from "./store-trust.ts";

const maxFileBytes = 256 * 1024 * 1024;
/** Of an app's files: in its directory and in the database. */
const installedCopies = 2;

/** What a store has, and who vouches for it. */
export interface StoreOffer {
	apps: StoreApp[];
	signature: StoreSignature;
}

/** The progress of the running installation. */
export interface InstallProgress {
	id: string;
	file: string;
	receivedBytes: number;
}

/** Lists the app store's apps and installs them as services. */
export class Store implements Part {
	readonly name = "store";
	readonly #settings: Settings;
	readonly #trust: StoreTrust;
	readonly #services: Services;
	/** The directory in which an upload is unpacked. */
	readonly #uploadDirectory: string;
	readonly #staging: Staging;
	readonly #database: Database;
	readonly #log: Log;
	#isStopping = false;
	#recovered: Promise<void> | undefined;
	readonly #jobs: Jobs;
	#running: Promise<unknown> | undefined;
	/** The running installation. */
	#job: Job | undefined;

	/** @param directory for downloads and uploads in progress. */
	constructor(
		settings: Settings,
		trust: StoreTrust,
		database: Database,
		services: Services,
		jobs: Jobs,
		directory: string,
		log: Log,
	) {
		this.#jobs = jobs;
		this.#settings = settings;
		this.#trust = trust;
		this.#database = database;
		this.#services = services;
		this.#uploadDirectory = join(directory, "uploaded");
		this.#staging = new Staging(directory);
		this.#log = log;
	}

	start(): void {
		this.#recovered = this.#database
			.whenReady(() => this.#recover())
			.catch((error) =>
				this.#log.error(
					{ err: error },
					"the state of an interrupted installation cannot be read",
				),
			);
	}

	/** Cleans up after a previous run of the manager and keeps what can be resumed. */
	async #recover(): Promise<void> {
		await rm(this.#uploadDirectory, { recursive: true, force: true });
		const interrupted = await this.#staging.interrupted();
		const installed = interrupted ? await this.#services.installed() : [];
		const isDone = installed.some(
			({ id, build }) => id === interrupted?.id && build === interrupted.build,
		);
		if (interrupted && !isDone)
			this.#log.warn(interrupted, "the installation of an app was interrupted");
		else await this.#staging.clear();
	}

	/** Keeps what has been downloaded. */
	async stop(): Promise<void> {
		this.#isStopping = true;
		this.#job?.cancel();
		await this.#running;
	}

	get progress(): InstallProgress | undefined {
		const status = this.#job?.status;
		return (
			status && {
				id: status.subject ?? "",
				file: status.step ?? "",
				receivedBytes: status.done ?? 0,
			}
		);
	}

	/** Returns the installation that was neither completed nor cancelled. */
	async interrupted(): Promise<InterruptedInstall | undefined> {
		return this.#job ? undefined : this.#staging.interrupted();
	}

	async assertDeveloperMode(): Promise<void> {
		if (!(await this.#settings.get("developerMode")))
			throw new OperationError(
				"conflict",
				"developerModeOff",
				"Apps are uploaded in developer mode only: enable it first",
			);
	}

	/**
	 * The files of one of three targets are copied to the download directory, the database and the app's directory.
	 * @throws OperationError if the disk has no room to unpack and install an archive.
	 */
	async assertRoomForArchive(archiveBytes: number): Promise<void> {
		const directory = dirname(this.#uploadDirectory);
		await makeDirectory(directory);
		await assertFreeSpace(
			directory,
			2 * archiveBytes,
			`Installing an archive of ${formatBytes(archiveBytes)}`,
		);
	}

	/** @throws OperationError if the store cannot be read, is not a store, or has a wrong signature. */
	async offer(): Promise<StoreOffer> {
		return this.#offerOf(await this.#source(), new AbortController().signal);
	}

	async #offerOf(
		source: StoreSource,
		signal: AbortSignal,
	): Promise<StoreOffer> {
		const { apps, content } = await readCatalogue(source, signal);
		const signature = await this.#trust.signatureOf(source, content, signal);
		return { apps, signature };
	}

	/**
	 * Trusts the store at an address from now on, also if another one is set.
	 * @param key its public key; null accepts it without a signature.
	 */
	async trust(url: string, key: string | null): Promise<void> {
		const source = new StoreSource(url);
		await this.#trust.confirm(source, key);
		this.#log.info({ url: source.address, key }, "store trusted");
	}

	/**
	 * Installs the newest build of an app as a service, or updates the service to it. Resumes an
	 * interrupted installation of the same build.
	 * @param allowOlder accepts a build below the installed one.
	 * @throws OperationError; the previous build keeps running.
	 */
	install(id: string, allowOlder: boolean): Promise<void> {
		return this.#exclusively(id, async (job) => {
			const source = await this.#source();
			const { apps, signature } = await this.#offerOf(source, job.signal);
			assertMayInstall(source, signature);
			const { key, trustedKey } = signature;
			// Of the image: from now on, its signature may not be missing.
			if (key !== undefined && key === trustedKey)
				await this.#trust.confirm(source, key);
			const app = apps.find((one) => one.id === id);
			if (!app)
				throw new OperationError(
					"notFound",
					"noSuchApp",
					`The store has no ${id}`,
				);
			// Else an old catalogue with its signature could bring faults back.
			if (!allowOlder) await this.#assertNotOlder(app);
			const isSigned = key !== undefined;
			await this.#install(source, app, isSigned, job);
		});
	}

	/**
	 * Installs an app from a tar archive of a store that has only this app.
	 * @throws OperationError; the previous build keeps running.
	 */
	installArchive(archive: Readable): Promise<{ id: string; build: string }> {
		return this.#exclusively("an uploaded app", async (job) => {
			await this.#recovered;
			const directory = this.#uploadDirectory;
			try {
				await rm(directory, { recursive: true, force: true });
				await makeDirectory(directory);
				await unpackStore(
					archive,
					directory,
					(done) => job.report({ done }),
					job.signal,
				);
				const source = new StoreSource(directory);
				const { apps } = await readCatalogue(source, job.signal);
				const [app, another] = apps;
				if (!app || another)
					throw new OperationError(
						"invalid",
						"notOneApp",
						"The archive must contain exactly one app: npm run store -- DIR APP",
					);
				await this.#install(source, app, false, job);
				return { id: app.id, build: app.versions[0]?.build ?? "" };
			} finally {
				await rm(directory, { recursive: true, force: true });
			}
		});
	}

	/** Runs one installation at a time. @throws OperationError while another one runs. */
	async #exclusively<Result>(
		id: string,
		work: (job: Job) => Promise<Result>,
	): Promise<Result> {
		if (this.#job)
			throw new OperationError(
				"conflict",
				"busy",
				`${this.#job.status.subject} is being installed: wait until it is done`,
			);
		const result = this.#jobs.run(
			{ kind: "appInstall", subject: id },
			async (job) => {
				this.#job = job;
				job.report({ step: "apps.json", done: 0, unit: "bytes" });
				try {
					return await work(job);
				} catch (error) {
					throw job.signal.aborted ? cancelled(id) : error;
				} finally {
					this.#job = undefined;
				}
			},
		);
		this.#running = result.catch(() => {});
		return result;
	}

	/** @throws OperationError if the installed build is above the newest of the store. */
	async #assertNotOlder({ id, versions: [version] }: StoreApp): Promise<void> {
		const installed = (await this.#services.installed()).find(
			(service) => service.id === id,
		);
		if (installed && version && isOlderBuild(version.build, installed.build))
			throw new OperationError(
				"conflict",
				"olderBuild",
				`The store has build ${version.build} of ${id}, which is older than the installed build ${installed.build}: to install it nevertheless, ask for an older build (allowOlder)`,
			);
	}

	async #install(
		source: StoreSource,
		app: StoreApp,
		isSigned: boolean,
		job: Job,
	): Promise<void> {
		const { id, folder, binary, title } = app;
		job.report({ subject: id });
		const [version] = app.versions as [StoreApp["versions"][0]];
		const { build, label } = version;
		const wanted = await listFiles(source, app, version, isSigned, job.signal);
		if (!wanted.some(({ name }) => name === binary))
			throw new OperationError(
				"upstream",
				"storeFailed",
				`The store's ${id} has no ${binary}`,
			);
		await this.#recovered;
		await this.#staging.begin({ id, build, url: source.address });
		let isResumable = false;
		try {
			const files: ServiceFile[] = [];
			for (const file of wanted)
				files.push(await this.#download(source, file, job));
			const bytes = (await this.#staging.interrupted())?.receivedBytes ?? 0;
			await assertFreeSpace(
				this.#staging.directory,
				installedCopies * bytes,
				`Installing ${id}`,
			);
			job.commit();
			await this.#services.install({
				service: { id, folder, binary, title, build, label },
				directory: this.#staging.directory,
				files,
			});
		} catch (error) {
			isResumable = this.#isStopping || error instanceof DownloadInterrupted;
			throw error;
		} finally {
			if (!isResumable) await this.#staging.clear();
		}
	}

	/**
	 * Cancels the running download, or discards an interrupted one.
	 * @throws OperationError if there is none, or if it is already complete.
	 */
	async cancel(): Promise<void> {
		if (this.#job?.cancel()) return;
		const interrupted = await this.interrupted();
		if (!interrupted || this.#job)
			throw new OperationError(
				"conflict",
				"nothingToCancel",
				this.#job
					? `${this.#job.status.subject} has been downloaded and is being started`
					: "Nothing is being downloaded",
			);
		const discarded = this.#staging.clear();
		// An installation that begins meanwhile waits for it.
		this.#recovered = discarded.catch(() => {});
		await discarded;
	}

	async #download(
		source: StoreSource,
		{ name, path, sha256: wanted }: ListedFile,
		job: Job,
	): Promise<ServiceFile> {
		job.report({ step: name, done: 0 });
		const stagedFile = await this.#staging.pathFor(name);
		// Complete from an interrupted installation.
		if (wanted && (await sha256Of(stagedFile)) === wanted)
			return { name, sha256: wanted };
		const sha256 = await downloadFile(
			source,
			path,
			this.#staging,
			name,
			maxFileBytes,
			(done) => job.report({ done }),
			job.signal,
		);
		if (wanted && wanted !== sha256)
			throw new OperationError(
				"upstream",
				"storeFailed",
				`The store's ${path} is damaged: its checksum differs from the one listed`,
			);
		return { name, sha256 };
	}

	async #source(): Promise<StoreSource> {
		const url = await this.#settings.get("appStoreUrl");
		if (url === "")
			throw new OperationError(
				"conflict",
				"noStore",
				"No app store is set: enter its address first",
			);
		return new StoreSource(url);
	}
}

/** Whether a build number is below another one; builds that are not numbers have no order. */
function isOlderBuild(build: string, than: string): boolean {
	const areNumbers = [build, than].every((one) => /^\d+$/.test(one));
	return areNumbers && BigInt(build) < BigInt(than);
}

function cancelled(id: string): OperationError {
	return new OperationError(
		"conflict",
		"cancelled",
		`The installation of ${id} was cancelled`,
	);
}
