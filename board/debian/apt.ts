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
	readonly #configPath: string;
	readonly #debsDirectory: string;
	readonly #mirrors: Mirrors;
	/** Replaces the package lists if those of the mirror cannot be used. */
	#lock: PackageLock | undefined;

	private constructor(
		suite: string,
		architecture: string,
		directories: {
			configPath: string;
			debsDirectory: string;
			mirrors: Mirrors;
		},
	) {
		this.suite = suite;
		this.architecture = architecture;
		this.#configPath = directories.configPath;
		this.#debsDirectory = directories.debsDirectory;
		this.#mirrors = directories.mirrors;
	}

	/** Opens the archive with fresh package lists; offline, with the last ones fetched. */
	static async open(
		architecture: string,
		{ offline, suite = SUITE }: { offline: boolean; suite?: string },
	): Promise<DebianArchive> {
		const root = await cacheSubdirectory("apt", `${suite}-${architecture}`);
		for (const name of ["lists/partial", "archives/partial"])
			await mkdir(join(root, name), { recursive: true });
		await writeFile(join(root, "status"), "");
		const sourcesPath = join(root, "sources.list");
		const configPath = join(root, "apt.conf");
		await writeFile(
			configPath,
			`Dir "${root}";
Dir::State "${root}";
Dir::State::status "${root}/status";
Dir::State::lists "${root}/lists";
Dir::Cache "${root}";
Dir::Etc::SourceList "${sourcesPath}";
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
		const archive = new DebianArchive(suite, architecture, {
			configPath,
			debsDirectory: await cacheSubdirectory("debs"),
			mirrors: await readHostMirrors(),
		});
		if (!offline) await archive.#update(sourcesPath);
		return archive;
	}

	/**
	 * Fetches the package lists. A mirror may have a list that does not match its signature, especially for
	 * rare architectures and around a point release: such a list is never used. Without the release's
	 * list, the packages of the lock are used; without that of its updates or security suite, the build
	 * prints a warning and continues.
	 */
	async #update(sourcesPath: string): Promise<void> {
		const suites = sources(this.suite, this.#mirrors);
		const write = () =>
			writeFile(sourcesPath, [...suites.values()].join("\n").concat("\n"));
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
					`Warning: ${suite} for ${this.architecture} cannot be read from this machine's mirror; the image is built WITHOUT its fixes.\n${errorsAbout(suite, result.stderr)}`,
				);
			}
			await write();
			result = await update();
			if (result.exitCode === 0) return;
		}
		this.#lock = await readLock(this.suite, this.architecture);
		if (!this.#lock)
			throw new Error(
				`Debian's package lists cannot be fetched:\n${result.stderr}`,
			);
		console.warn(
			`Warning: ${this.suite} for ${this.architecture} cannot be read from this machine's mirror; the image is built from the packages in board/debian/lock, WITHOUT later fixes.\n${errorsAbout(this.suite, result.stderr)}`,
		);
	}

	get #apt() {
		return $({
			quiet: true,
			env: { ...process.env, APT_CONFIG: this.#configPath, LC_ALL: "C.UTF-8" },
		});
	}

	/**
	 * Returns the named packages and their dependencies without the excluded ones, in alphabetical order.
	 * @throws Error when apt cannot resolve them.
	 */
	async resolve(
		names: readonly string[],
		excluded: readonly string[] = [],
	): Promise<DebianPackage[]> {
		const packages = this.#lock
			? lockedPackages(this.#lock, names)
			: await this.#resolveByLists(names, excluded);
		this.resolved.push({ names: [...names], packages });
		return packages;
	}

	async #resolveByLists(
		names: readonly string[],
		excluded: readonly string[],
	): Promise<DebianPackage[]> {
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
		const shown = await this.#apt`apt-cache show --no-all-versions ${chosen}`;
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

	/** Returns the paths of the packages' .deb files; fetches missing ones, which apt verifies. */
	async fetch(packages: readonly DebianPackage[]): Promise<string[]> {
		const pathOf = ({ sha256 }: DebianPackage) =>
			join(this.#debsDirectory, `${sha256}.deb`);
		const missing: DebianPackage[] = [];
		for (const one of packages)
			if (!(await exists(pathOf(one)))) missing.push(one);
		if (missing.length > 0) {
			const directory = join(this.#debsDirectory, `.${process.pid}`);
			await mkdir(directory, { recursive: true });
			const wanted = missing.flatMap(({ path, sha256 }) => [
				`${this.#addressOf(path)}/${path}`,
				join(directory, sha256),
				`SHA256:${sha256}`,
			]);
			await this.#apt`/usr/lib/apt/apt-helper download-file ${wanted}`;
			for (const one of missing)
				await rename(join(directory, one.sha256), pathOf(one));
			await rm(directory, { recursive: true });
		}
		return packages.map(pathOf);
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
