import { access, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { cacheSubfolder } from "../../pipeline/cache.ts";
import {
	type DebianPackage,
	lockedPackages,
	type PackageLock,
	readLock,
} from "./lock.ts";
import { type Mirrors, machinesMirrors, machinesProxies } from "./mirrors.ts";

/** Debian's releases: the one of the image, and the one before. */
export const SUITE = "trixie";
export const OLD_SUITE = "bookworm";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Debian's archive for one architecture, through apt with folders of its own in the cache:
 * the machine's apt is neither asked nor changed, and no root is needed. (mmdebstrap would
 * fetch what the image leaves out, LLVM and Perl first, and could not work offline.)
 */
export class DebianArchive {
	/** Every question and answer, for the lock. */
	readonly asked: PackageLock = [];
	readonly suite: string;
	readonly architecture: string;
	readonly #configPath: string;
	readonly #debsFolder: string;
	readonly #mirrors: Mirrors;
	/** Instead of the lists, where the mirror's cannot be used. */
	#lock: PackageLock | undefined;

	private constructor(
		suite: string,
		architecture: string,
		folders: { configPath: string; debsFolder: string; mirrors: Mirrors },
	) {
		this.suite = suite;
		this.architecture = architecture;
		this.#configPath = folders.configPath;
		this.#debsFolder = folders.debsFolder;
		this.#mirrors = folders.mirrors;
	}

	/** Opens the archive with fresh package lists; offline, with those of the last time. */
	static async open(
		architecture: string,
		{ offline, suite = SUITE }: { offline: boolean; suite?: string },
	): Promise<DebianArchive> {
		const root = await cacheSubfolder("apt", `${suite}-${architecture}`);
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
${await machinesProxies()}`,
		);
		const archive = new DebianArchive(suite, architecture, {
			configPath,
			debsFolder: await cacheSubfolder("debs"),
			mirrors: await machinesMirrors(),
		});
		if (!offline) await archive.#update(sourcesPath);
		return archive;
	}

	/**
	 * Fetches the package lists. A mirror may have a list that is not the signed one, above all of
	 * rarer architectures and in the days around a point release: such a list is never used.
	 * Without the release itself the packages are those of the lock; without one of the suites
	 * that correct it, the build goes on and says so.
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
					`Warning: ${suite} cannot be read from this machine's mirror for ${this.architecture}; the image is built WITHOUT its corrections.\n${linesAbout(suite, result.stderr)}`,
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
			`Warning: ${this.suite} cannot be read from this machine's mirror for ${this.architecture}; the image is built of the packages in board/debian/lock, WITHOUT what was corrected since.\n${linesAbout(this.suite, result.stderr)}`,
		);
	}

	get #apt() {
		return $({
			quiet: true,
			env: { ...process.env, APT_CONFIG: this.#configPath, LC_ALL: "C.UTF-8" },
		});
	}

	/**
	 * The named packages with all they depend on, less the excluded ones, in alphabetical order.
	 * Throws when apt cannot resolve them.
	 */
	async resolve(
		names: readonly string[],
		excluded: readonly string[] = [],
	): Promise<DebianPackage[]> {
		const packages = this.#lock
			? lockedPackages(this.#lock, names)
			: await this.#resolveByLists(names, excluded);
		this.asked.push({ names: [...names], packages });
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
				"no package lists in the cache: run the build once without --offline",
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

	/** Paths of the packages' .deb files, fetched where the cache lacks them; apt verifies them. */
	async fetch(packages: readonly DebianPackage[]): Promise<string[]> {
		const pathOf = ({ sha256 }: DebianPackage) =>
			join(this.#debsFolder, `${sha256}.deb`);
		const missing: DebianPackage[] = [];
		for (const one of packages)
			if (!(await isThere(pathOf(one)))) missing.push(one);
		if (missing.length > 0) {
			const folder = join(this.#debsFolder, `.${process.pid}`);
			await mkdir(folder, { recursive: true });
			const wanted = missing.flatMap(({ path, sha256 }) => [
				`${this.#addressOf(path)}/${path}`,
				join(folder, sha256),
				`SHA256:${sha256}`,
			]);
			await this.#apt`/usr/lib/apt/apt-helper download-file ${wanted}`;
			for (const one of missing)
				await rename(join(folder, one.sha256), pathOf(one));
			await rm(folder, { recursive: true });
		}
		return packages.map(pathOf);
	}

	/** The security archive's own pool begins so. */
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

/** A suite and those that correct it. */
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

function linesAbout(suite: string, output: string): string {
	return output
		.split("\n")
		.filter((line) => line.startsWith("E:") && line.includes(`/${suite}/`))
		.map((line) => `  ${line}`)
		.join("\n");
}

async function isThere(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
