import {
	access,
	mkdir,
	readdir,
	readFile,
	rename,
	rm,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { cacheSubfolder } from "../../pipeline/cache.ts";
import { hashOfFile } from "../../pipeline/hash.ts";

/** Debian's releases: the one of the image, and the one before. */
export const SUITE = "trixie";
export const OLD_SUITE = "bookworm";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** A package as the archive has it at this moment. */
export interface DebianPackage {
	name: string;
	version: string;
	sha256: string;
}

/**
 * Debian's archive for one architecture, through apt with folders of its own in the cache:
 * the machine's apt is neither asked nor changed, and no root is needed. (mmdebstrap would
 * fetch what the image leaves out, LLVM and Perl first, and could not work offline.)
 */
export class DebianArchive {
	readonly #suite: string;
	readonly #configPath: string;
	readonly #debsFolder: string;

	private constructor(suite: string, configPath: string, debsFolder: string) {
		this.#suite = suite;
		this.#configPath = configPath;
		this.#debsFolder = debsFolder;
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
${await proxies()}`,
		);
		const debsFolder = await cacheSubfolder("debs");
		const archive = new DebianArchive(suite, configPath, debsFolder);
		if (!offline) await archive.#update(sourcesPath);
		return archive;
	}

	/**
	 * Fetches the package lists. A mirror may have a list that is not the signed one, above all of
	 * rarer architectures: such a list is never used. Without the release itself nothing can be
	 * built; without one of the suites that correct it, the build goes on and says so.
	 */
	async #update(sourcesPath: string): Promise<void> {
		const suites = await sources(this.#suite);
		const write = () =>
			writeFile(sourcesPath, [...suites.values()].join("\n").concat("\n"));
		await write();
		const update = () => this.#apt`apt-get update --error-on=any`.nothrow();
		let result = await update();
		const failed = [...result.stderr.matchAll(/^E: .*\/dists\/([^/ ]+)/gm)];
		for (const suite of new Set(failed.map(([, name]) => name as string))) {
			if (suite === this.#suite || !suites.delete(suite)) continue;
			console.warn(
				`Warning: ${suite} cannot be read from this machine's mirror for this architecture; the image is built WITHOUT its corrections.\n${linesAbout(suite, result.stderr)}`,
			);
		}
		if (result.exitCode !== 0) {
			await write();
			result = await update();
		}
		if (result.exitCode !== 0)
			throw new Error(
				`Debian's package lists cannot be fetched:\n${result.stderr}`,
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
			const ids = missing.map(({ name, version }) => `${name}=${version}`);
			await this.#apt({ cwd: folder })`apt-get download ${ids}`;
			for (const file of await readdir(folder)) {
				const path = join(folder, file);
				await rename(
					path,
					join(this.#debsFolder, `${await hashOfFile(path)}.deb`),
				);
			}
			await rm(folder, { recursive: true });
		}
		return packages.map(pathOf);
	}
}

function field(stanza: string, name: string): string {
	const value = new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1];
	if (!value) throw new Error(`apt-cache shows a package without ${name}`);
	return value;
}

/** A suite and those that correct it, at the mirrors that this machine's own apt uses. */
async function sources(suite: string): Promise<Map<string, string>> {
	const uris = await machinesUris();
	const mirror = uris.find((uri) => /\/debian\/?$/.test(uri));
	const security = uris.find((uri) => /\/debian-security\/?$/.test(uri));
	if (!mirror || !security)
		throw new Error(
			"the apt configuration of this machine names no Debian mirror (…/debian and …/debian-security): add one to /etc/apt",
		);
	return new Map(
		[
			[suite, mirror],
			[`${suite}-updates`, mirror],
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

/** What the machine's sources name; a list of mirrors (mirror+file:) stands for its first. */
async function machinesUris(): Promise<string[]> {
	// Answers before the machine's first `apt-get update` too, unlike `apt-get indextargets`.
	const { stdout } = await $`apt-get update --print-uris`.quiet();
	const uris = [...stdout.matchAll(/^'(\S+?)\/dists\//gm)].map(
		([, uri]) => uri as string,
	);
	return Promise.all(
		uris.map(async (uri) => {
			const list = /^mirror\+file:(.*)$/.exec(uri)?.[1];
			if (!list) return uri;
			return /^[^\s#]+/m.exec(await readFile(list, "utf8"))?.[0] ?? uri;
		}),
	);
}

/** The proxies that the machine's apt uses; nothing else of its settings may change a build. */
async function proxies(): Promise<string> {
	const { stdout } = await $`apt-config dump Acquire`.quiet();
	return stdout
		.split("\n")
		.filter((line) => /^Acquire::https?::([^ ]+::)?Proxy/i.test(line))
		.map((line) => `${line}\n`)
		.join("");
}

async function isThere(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
