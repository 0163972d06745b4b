import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { $, glob, type ProcessOutput } from "zx";
import { cacheSubfolder } from "../../pipeline/cache.ts";
import { hashOfInputs, hashOfPaths } from "../../pipeline/hash.ts";
import type { Target } from "../target.ts";
import {
	defconfigPath,
	refuseDroppedSymbols,
	treeFolder,
	wantedOptions,
} from "./configuration.ts";
import type { BuildrootOptions } from "./options.ts";
import { type BuildrootSource, buildrootSource } from "./source.ts";

const LAST_LINES = 15;
/** flock's exit status when somebody else has the folder; make's own are 0 to 2. */
const LOCKED = 75;

/** What a changed file of cannot be taken up by what Buildroot has already compiled. */
const recipes = ["Config.in", "external.desc", "external.mk", "package"];

/**
 * The folder in which Buildroot works for one target. It stays, so that a build that was
 * interrupted goes on where it was: whatever Buildroot would not notice (its own release, the
 * configuration, recipes of packages) is in the folder's name.
 */
export class BuildrootOutput {
	readonly folder: string;
	/** The hash of all that the folder's name stands for. */
	readonly key: string;
	readonly #target: Target;
	readonly #source: BuildrootSource;
	readonly #defconfig: string;
	readonly #dlFolder: string;
	readonly #offline: boolean;

	private constructor(
		target: Target,
		parts: {
			folder: string;
			key: string;
			source: BuildrootSource;
			defconfig: string;
			dlFolder: string;
			offline: boolean;
		},
	) {
		this.#target = target;
		this.folder = parts.folder;
		this.key = parts.key;
		this.#source = parts.source;
		this.#defconfig = parts.defconfig;
		this.#dlFolder = parts.dlFolder;
		this.#offline = parts.offline;
	}

	/** Finds or fetches Buildroot; nothing is made yet. */
	static async open(
		target: Target,
		options: BuildrootOptions,
	): Promise<BuildrootOutput> {
		const dlFolder = options.dlDir
			? resolve(options.dlDir)
			: await cacheSubfolder("buildroot", "dl");
		const source = await buildrootSource(options, dlFolder);
		const files = [defconfigPath(target.name), ...options.buildrootConfig];
		const texts = files.map((path) => readFile(path, "utf8"));
		const defconfig = (await Promise.all(texts)).join("\n");
		const key = hashOfInputs({
			buildroot: source.sha256,
			defconfig,
			recipes: await hashOfPaths(
				...recipes.map((name) => join(treeFolder, name)),
			),
		});
		const folder = options.buildrootOutput
			? join(resolve(options.buildrootOutput), target.name)
			: await cacheSubfolder(
					...["buildroot", "output"],
					`${target.name}-${key.slice(0, 12)}`,
				);
		const { offline } = options;
		return new BuildrootOutput(target, {
			...{ folder, key, source, defconfig, dlFolder, offline },
		});
	}

	/**
	 * Configures Buildroot, which takes seconds.
	 * Throws when it dropped an option of ours, naming them all.
	 */
	async configure(): Promise<void> {
		await mkdir(this.folder, { recursive: true });
		const path = join(this.folder, "app-platform_defconfig");
		await writeFile(path, this.#defconfig);
		const { stdout, stderr } = await this.#ask(
			`BR2_DEFCONFIG=${path}`,
			"defconfig",
		);
		refuseDroppedSymbols(
			wantedOptions(
				this.#defconfig,
				await readFile(join(treeFolder, "Config.in"), "utf8"),
			),
			await readFile(join(this.folder, ".config"), "utf8"),
			stdout + stderr,
		);
	}

	/**
	 * Configures, and makes Buildroot's goals with all output in build.log.
	 * @param report gets `package version: step` as Buildroot comes to it
	 */
	async make(
		goals: readonly string[],
		report: (text: string) => void,
	): Promise<void> {
		await this.configure();
		await this.#removeHalfUnpacked();
		const logPath = join(this.folder, "build.log");
		const log = createWriteStream(logPath, { flags: "a" });
		const lastLines: string[] = [];
		const child = this.#spawn(goals, ["ignore", "pipe", "pipe"]);
		const read = async (stream: NodeJS.ReadableStream | null) => {
			if (!stream) return;
			for await (const line of createInterface({ input: stream })) {
				log.write(`${line}\n`);
				lastLines.push(line);
				if (lastLines.length > LAST_LINES) lastLines.shift();
				const step = />>> (\S+) (\S*) (\w.*?)[^\w)]*$/.exec(line);
				if (step) report(`${step[1]} ${step[2]}: ${step[3]}`);
			}
		};
		const closed = once(child, "close");
		await Promise.all([read(child.stdout), read(child.stderr)]);
		const [status] = (await closed) as [number | null];
		await new Promise((done) => log.end(done));
		if (status !== 0)
			throw new Error(
				`Buildroot's make ${goals.join(" ")} failed; the same command goes on from here. Its whole log: ${logPath}\n${lastLines.join("\n")}`,
			);
	}

	/** Configures, and makes goals at the terminal. Returns make's exit status. */
	async makeAtTerminal(goals: readonly string[]): Promise<number> {
		await this.configure();
		const child = this.#spawn(goals, "inherit");
		const [status] = (await once(child, "close")) as [number | null];
		return status ?? 1;
	}

	/**
	 * Buildroot's check for known vulnerabilities (CVEs) of all packages, by the American national
	 * database, which it fetches unless offline. Returns the path of the report, a CycloneDX file.
	 */
	async checkVulnerabilities(): Promise<string> {
		const database = join(this.#dlFolder, "buildroot-nvd");
		if (this.#offline)
			await refuseMissing(this.#dlFolder, [
				"cyclonedx/spdx-*.schema.json",
				"buildroot-nvd/git/CVE-*",
			]);
		await this.configure();
		const report = join(this.folder, "cve.json");
		await writeFile(join(this.folder, "show-info.json"), await this.packages());
		const { folder } = this.#source;
		await this.#runTool(
			`${folder}/utils/generate-cyclonedx`,
			...["-i", "show-info.json", "-o", "sbom.json"],
		);
		await this.#runTool(
			`${folder}/support/scripts/cve-check`,
			...["-i", "sbom.json", "-o", report, "--nvd-path", database],
			...(this.#offline ? ["--no-nvd-update"] : []),
		);
		return report;
	}

	/** A program of Buildroot that is not called by its makefile. */
	async #runTool(program: string, ...args: string[]): Promise<void> {
		const { exitCode } = await $({
			cwd: this.folder,
			env: this.#environment,
			stdio: ["ignore", "inherit", "inherit"],
			nothrow: true,
		})`${program} ${args}`;
		if (exitCode !== 0)
			throw new Error(`Buildroot's ${basename(program)} failed, as said above`);
	}

	/** The value of one of Buildroot's make variables. */
	async variable(name: string): Promise<string> {
		const { stdout } = await this.#ask("-s", "printvars", `VARS=${name}`);
		return stdout.trim().replace(`${name}=`, "");
	}

	/** Versions and origins of all packages, as Buildroot's `make show-info` has them. */
	async packages(): Promise<string> {
		return (await this.#ask("-s", "show-info")).stdout;
	}

	/** What make says to goals that take seconds. */
	async #ask(...goals: string[]): Promise<ProcessOutput> {
		const [program, ...args] = this.#command(goals);
		const result = await $({
			env: this.#environment,
			quiet: true,
			nothrow: true,
		})`${program} ${args}`;
		if (result.exitCode === LOCKED)
			throw new Error(`another Buildroot works in ${this.folder}`);
		if (result.exitCode !== 0)
			throw new Error(
				`Buildroot's make ${goals.join(" ")} failed:\n${result.stderr}`,
			);
		return result;
	}

	/**
	 * make, which ends when this process does, however that happens, and which no second one
	 * joins in the same folder.
	 */
	#command(args: readonly string[]): [string, ...string[]] {
		const offline = [
			`BR2_PRIMARY_SITE=file://${this.#dlFolder}`,
			"BR2_PRIMARY_SITE_ONLY=y",
		];
		return [
			"setpriv",
			...["--pdeathsig", "TERM"],
			...["flock", "--no-fork", "--nonblock"],
			...["--conflict-exit-code", String(LOCKED)],
			join(this.folder, ".lock"),
			...["make", "--no-print-directory", "-C", this.#source.folder],
			...[`O=${this.folder}`, `BR2_EXTERNAL=${treeFolder}`],
			...(this.#offline ? offline : []),
			...args,
		];
	}

	#spawn(goals: readonly string[], stdio: "inherit" | ("ignore" | "pipe")[]) {
		const [program, ...args] = this.#command(goals);
		return spawn(program, args, { env: this.#environment, stdio });
	}

	/** Closed: no CFLAGS of whoever builds gets in, and the tools are those that were installed for it. */
	get #environment(): NodeJS.ProcessEnv {
		const names = Object.keys(process.env).filter((name) =>
			/^(HOME|TERM|(https?|ftp|no)_proxy|SSL_CERT_\w+)$/i.test(name),
		);
		return {
			...Object.fromEntries(names.map((name) => [name, process.env[name]])),
			PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
			LC_ALL: "C.UTF-8",
			TZ: "UTC",
			PYTHONDONTWRITEBYTECODE: "1",
			// Without it tar's configure refuses root, as whom containers build.
			FORCE_UNSAFE_CONFIGURE: "1",
			BR2_DL_DIR: this.#dlFolder,
		};
	}

	/** A package whose unpacking or patching was cut off cannot be gone on with. */
	async #removeHalfUnpacked(): Promise<void> {
		const folders = await glob("build/*-*", {
			cwd: this.folder,
			onlyDirectories: true,
			absolute: true,
		});
		for (const folder of folders)
			if (!(await isThere(join(folder, ".stamp_patched"))))
				await rm(folder, { recursive: true });
	}

	get target(): Target {
		return this.#target;
	}
}

const isThere = (path: string) =>
	access(path).then(
		() => true,
		() => false,
	);

/** Throws where the downloads have nothing for one of the patterns, naming them. */
async function refuseMissing(dlFolder: string, patterns: string[]) {
	const options = { cwd: dlFolder, onlyFiles: false };
	const found = await Promise.all(
		patterns.map((pattern) => glob(pattern, options)),
	);
	const missing = patterns.filter((_, index) => found[index]?.length === 0);
	if (missing.length > 0)
		throw new Error(
			`offline, and ${dlFolder} lacks what this needs: ${missing.join(", ")}. Without --offline it is fetched to there.`,
		);
}
