import { access, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { cacheSubdirectory } from "../../pipeline/cache.ts";
import {
	type DebianPackage,
	lockedPackages,
	type PackageLock,
	readLock,
} from "./lock.ts";
import { type Mirrors, readHostMirrors, readHostProxies } from "./mirrors.ts";

/** Debian releases: that of the image, and the previous one. */
export const SUITE = "trixie";
export const OLD_SUITE = "bookworm";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

export interface ArchiveOptions {
	/** Uses the caches alone. */
	offline: boolean;
	/** Refuses packages that are not in the lock. */
	locked?: boolean;
	/** Takes the newest packages instead of those of the lock. */
	renewLock?: boolean;
}

/**
 * Debian's archive for one architecture, accessed by apt with its own directories in the cache: the host's
 * apt stays unchanged, and root is not needed. (mmdebstrap would fetch packages that the image excludes,
 * such as LLVM and Perl, and could not work offline.)
 */
export class DebianArchive {
	/** All requests and their results, for the lock. */
	readonly resolved: PackageLock = [];
	readonly suite: string;
	readonly architecture: string;
	readonly #directory: string;
	readonly #debsDirectory: string;
	readonly #mirrors: Mirrors;
	readonly #options: ArchiveOptions;
	/** Undefined where the tree has none, or the lists count. */
	readonly #lock: PackageLock | undefined;
	/** Fetched once, when they are needed. */
	#lists: Promise<void> | undefined;

	private constructor(
		suite: string,
		architecture: string,
		directories: { directory: string; debsDirectory: string; mirrors: Mirrors },
		lock: PackageLock | undefined,
		options: ArchiveOptions,
	) {
		this.suite = suite;
		this.architecture = architecture;
		this.#directory = directories.directory;
		this.#debsDirectory = directories.debsDirectory;
		this.#mirrors = directories.mirrors;
		this.#lock = lock;
		this.#options = options;
	}

	/** Prepares apt for an architecture; nothing is fetched yet. */
	static async open(
		architecture: string,
		options: ArchiveOptions,
		suite = SUITE,
	): Promise<DebianArchive> {
		const root = await cacheSubdirectory("apt", `${suite}-${architecture}`);
		for (const name of ["lists/partial", "archives/partial"])
			await mkdir(join(root, name), { recursive: true });
		await writeFile(join(root, "status"), "");
		await writeFile(
			join(root, "apt.conf"),
			`Dir "${root}";
Dir::State "${root}";
Dir::State::status "${root}/status";
Dir::State::lists "${root}/lists";
Dir::Cache "${root}";
Dir::Etc::SourceList "${join(root, "sources.list")}";
Dir::Etc::SourceParts "/dev/null";
APT::Architecture "${architecture}";
APT::Architectures "${architecture}";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
${await readHostProxies()}`,
		);
		return new DebianArchive(
			suite,
			architecture,
			{
				directory: root,
				debsDirectory: await cacheSubdirectory("debs"),
				mirrors: await readHostMirrors(),
			},
			options.renewLock ? undefined : await readLock(suite, architecture),
			options,
		);
	}

	/** Resolves when there are package lists; offline, those fetched last. */
	#needLists(): Promise<void> {
		this.#lists ??= this.#options.offline
			? Promise.resolve()
			: this.#fetchLists();
		return this.#lists;
	}

	/**
	 * Fetches the package lists. A mirror may have a list that does not match its signature, especially for
	 * rare architectures and around a point release: such a list is never used. Without the list of the
	 * updates or the security suite, the build prints a warning and continues.
	 */
	async #fetchLists(): Promise<void> {
		const suites = sources(this.suite, this.#mirrors);
		const write = () =>
			writeFile(
				join(this.#directory, "sources.list"),
				[...suites.values()].join("\n").concat("\n"),
			);
		await write();
		const update = () => this.#apt`apt-get update --error-on=any`.nothrow();
		let result = await update();
		if (result.exitCode === 0) return;
		const failed = [...result.stderr.matchAll(/^E: .*\/dists\/([^/ ]+)/gm)];
		const without = new Set(failed.map(([, name]) => name as string));
		if (!without.has(this.suite)) {
			for (const suite of without) {
				suites.delete(suite);
				console.warn(
					`Warning: ${suite} for ${this.architecture} cannot be read from this machine's mirror; its fixes are left out.\n${errorsAbout(suite, result.stderr)}`,
				);
			}
			await write();
			result = await update();
			if (result.exitCode === 0) return;
		}
		throw new Error(
			`Debian's package lists cannot be fetched:\n${result.stderr}`,
		);
	}

	get #apt() {
		return $({
			quiet: true,
			env: {
				...process.env,
				APT_CONFIG: join(this.#directory, "apt.conf"),
				LC_ALL: "C.UTF-8",
			},
		});
	}

	/**
	 * Returns the named packages and their dependencies without the excluded ones, in alphabetical order: those of
	 * the lock, fetched, or the newest where the mirror no longer has one, with a warning that names it.
	 * @throws Error when apt cannot resolve them, or with `locked` when the lock does not suffice.
	 */
	async resolve(
		names: readonly string[],
		excluded: readonly string[] = [],
	): Promise<DebianPackage[]> {
		const locked = this.#lock && lockedPackages(this.#lock, names);
		if (!locked && !this.#options.renewLock) {
			const reason = `the packages requested of ${this.suite} for ${this.architecture} are not those of board/debian/lock`;
			if (this.#options.locked)
				throw new Error(`${reason}: renew it with npm run lock`);
			console.warn(
				`Warning: ${reason}; the newest are used. Renew it with npm run lock.`,
			);
		}
		const packages = locked
			? await this.#available(locked)
			: await this.#resolveByLists(names, excluded);
		this.resolved.push({ names: [...names], packages });
		return packages;
	}

	/** Fetches locked packages. @returns them, with the newest versions of those that the mirror no longer has. */
	async #available(locked: DebianPackage[]): Promise<DebianPackage[]> {
		if (this.#options.offline) return locked;
		const missing = await this.#download(locked);
		if (missing.length === 0) return locked;
		const ids = missing.map(({ name, version }) => `${name} ${version}`);
		if (this.#options.locked)
			throw new Error(
				`the mirror does not have these packages of board/debian/lock: ${ids.join(", ")}. Use a mirror that keeps old versions (docs/building.md), or renew the lock with npm run lock`,
			);
		await this.#needLists();
		const newest = await this.#show(missing.map(({ name }) => name));
		return locked.map((one) => {
			if (!missing.includes(one)) return one;
			const other = newest.find(({ name }) => name === one.name);
			if (!other)
				throw new Error(`the mirror has no package ${one.name} any more`);
			console.warn(
				`Warning: the mirror no longer has ${one.name} ${one.version} of board/debian/lock; the image gets ${other.version}. Renew the lock with npm run lock.`,
			);
			return other;
		});
	}

	async #resolveByLists(
		names: readonly string[],
		excluded: readonly string[],
	): Promise<DebianPackage[]> {
		await this.#needLists();
		const plan = await this.#apt`apt-get install --simulate ${names}`;
		const chosen = plan.stdout
			.split("\n")
			.map((line) => /^Inst (\S+) \((\S+) /.exec(line))
			.filter((match) => match !== null)
			.map(([, name, version]) => `${name}=${version}`)
			.filter((id) => !excluded.includes(id.split("=")[0] as string))
			.sort();
		if (chosen.length === 0)
			throw new Error(
				"the cache has no package lists: run the build once without --offline",
			);
		return this.#show(chosen);
	}

	/** @param ids names, or `name=version`. */
	async #show(ids: readonly string[]): Promise<DebianPackage[]> {
		const shown = await this.#apt`apt-cache show --no-all-versions ${ids}`;
		return shown.stdout
			.trim()
			.split(/\n\n+/)
			.map((stanza) => ({
				name: field(stanza, "Package"),
				version: field(stanza, "Version"),
				sha256: field(stanza, "SHA256"),
				path: field(stanza, "Filename"),
			}))
			.sort((a, b) => (a.name < b.name ? -1 : 1));
	}

	/**
	 * Returns the paths of the packages' .deb files; fetches missing ones, which apt verifies.
	 * @throws Error naming those that cannot be fetched.
	 */
	async fetch(packages: readonly DebianPackage[]): Promise<string[]> {
		const missing = await this.#download(packages);
		if (missing.length > 0)
			throw new Error(
				`these packages cannot be fetched: ${missing.map(({ name, version }) => `${name} ${version}`).join(", ")}`,
			);
		return packages.map((one) => this.#debPath(one));
	}

	/** Downloads what the cache does not have. @returns the packages that the mirror did not give. */
	async #download(
		packages: readonly DebianPackage[],
	): Promise<DebianPackage[]> {
		const wanted: DebianPackage[] = [];
		for (const one of packages)
			if (!(await exists(this.#debPath(one)))) wanted.push(one);
		if (wanted.length === 0 || this.#options.offline) return wanted;
		console.log(
			`Fetching ${wanted.length} packages of ${this.suite} for ${this.architecture} …`,
		);
		const directory = join(this.#debsDirectory, `.${process.pid}`);
		await mkdir(directory, { recursive: true });
		const requests = wanted.flatMap(({ path, sha256 }) => [
			`${this.#addressOf(path)}/${path}`,
			join(directory, sha256),
			`SHA256:${sha256}`,
		]);
		await this
			.#apt`/usr/lib/apt/apt-helper download-file ${requests}`.nothrow();
		const missing: DebianPackage[] = [];
		for (const one of wanted) {
			const downloaded = join(directory, one.sha256);
			// A file that is not as it should be has another name.
			if (await exists(downloaded))
				await rename(downloaded, this.#debPath(one));
			else missing.push(one);
		}
		await rm(directory, { recursive: true });
		return missing;
	}

	#debPath({ sha256 }: DebianPackage): string {
		return join(this.#debsDirectory, `${sha256}.deb`);
	}

	/** Returns the archive of a path: the security archive's pool is pool/updates. */
	#addressOf(path: string): string {
		const { debian, security } = this.#mirrors;
		const address = path.startsWith("pool/updates/") ? security : debian;
		return address.replace(/\/$/, "");
	}
}

function field(stanza: string, name: string): string {
	const value = new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1];
	if (!value) throw new Error(`apt-cache shows a package without ${name}`);
	return value;
}

/** Returns the apt sources of a suite, its updates and its security fixes, by suite. */
function sources(
	suite: string,
	{ debian, security }: Mirrors,
): Map<string, string> {
	return new Map(
		[
			[suite, debian],
			[`${suite}-updates`, debian],
			[`${suite}-security`, security],
		].map(([name, uri]) => [
			name as string,
			`deb [signed-by=${KEYRING}] ${uri} ${name} main`,
		]),
	);
}

function errorsAbout(suite: string, output: string): string {
	return output
		.split("\n")
		.filter((line) => line.startsWith("E:") && line.includes(`/${suite}/`))
		.map((line) => `  ${line}`)
		.join("\n");
}

async function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
