import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { $, glob, type ProcessOutput } from "zx";
import { cacheSubdirectory } from "../../pipeline/cache.ts";
import { hashOfInputs, hashOfPaths } from "../../pipeline/hash.ts";
import type { Target } from "../target.ts";
import {
	assertNoDroppedSymbols,
	defconfigPath,
	treeDirectory,
	wantedOptions,
} from "./configuration.ts";
import type { BuildrootOptions } from "./options.ts";
import { type BuildrootSource, buildrootSource } from "./source.ts";

const LAST_LINES = 15;
/** flock's exit status when another process holds the lock; make itself uses 0 to 2. */
const LOCKED = 75;

/** Files whose changes have no effect on what Buildroot has already compiled. */
const recipes = ["Config.in", "external.desc", "external.mk", "package"];

/**
 * Buildroot's output directory for one target. It is kept, so that an interrupted build can resume. Its name
 * has a hash of everything whose changes Buildroot does not detect: its release, the configuration, the
 * recipes of packages.
 */
export class BuildrootOutput {
	readonly directory: string;
	/** The hash from which the directory's name is made. */
	readonly key: string;
	readonly #target: Target;
	readonly #source: BuildrootSource;
	readonly #defconfig: string;
	readonly #dlDirectory: string;
	readonly #offline: boolean;

	private constructor(
		target: Target,
		parts: {
			directory: string;
			key: string;
			source: BuildrootSource;
			defconfig: string;
			dlDirectory: string;
			offline: boolean;
		},
	) {
		this.#target = target;
		this.directory = parts.directory;
		this.key = parts.key;
		this.#source = parts.source;
		this.#defconfig = parts.defconfig;
		this.#dlDirectory = parts.dlDirectory;
		this.#offline = parts.offline;
	}

	/** Finds or fetches Buildroot; does not build anything. */
	static async open(
		target: Target,
		options: BuildrootOptions,
	): Promise<BuildrootOutput> {
		const dlDirectory = options.dlDir
			? resolve(options.dlDir)
			: await cacheSubdirectory("buildroot", "dl");
		const source = await buildrootSource(options, dlDirectory);
		const files = [defconfigPath(target.name), ...options.buildrootConfig];
		const texts = files.map((path) => readFile(path, "utf8"));
		const defconfig = (await Promise.all(texts)).join("\n");
		const key = hashOfInputs({
			buildroot: source.sha256,
			defconfig,
			recipes: await hashOfPaths(
				...recipes.map((name) => join(treeDirectory, name)),
			),
		});
		const directory = options.buildrootOutput
			? join(resolve(options.buildrootOutput), target.name)
			: await cacheSubdirectory(
					...["buildroot", "output"],
					`${target.name}-${key.slice(0, 12)}`,
				);
		const { offline } = options;
		return new BuildrootOutput(target, {
			...{ directory, key, source, defconfig, dlDirectory, offline },
		});
	}

	/**
	 * Configures Buildroot, which takes seconds.
	 * @throws Error naming all of our options that Buildroot dropped.
	 */
	async configure(): Promise<void> {
		await mkdir(this.directory, { recursive: true });
		const path = join(this.directory, "app-platform_defconfig");
		await writeFile(path, this.#defconfig);
		const { stdout, stderr } = await this.#runMake(
			`BR2_DEFCONFIG=${path}`,
			"defconfig",
		);
		assertNoDroppedSymbols(
			wantedOptions(
				this.#defconfig,
				await readFile(join(treeDirectory, "Config.in"), "utf8"),
			),
			await readFile(join(this.directory, ".config"), "utf8"),
			stdout + stderr,
		);
	}

	/**
	 * Configures Buildroot and makes its goals; writes all output to build.log.
	 * @param report called with `package version: step` for each step
	 */
	async make(
		goals: readonly string[],
		report: (text: string) => void,
	): Promise<void> {
		await this.configure();
		await this.#removeHalfUnpacked();
		const logPath = join(this.directory, "build.log");
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
				`Buildroot's make ${goals.join(" ")} failed; run the same command to resume. Full log: ${logPath}\n${lastLines.join("\n")}`,
			);
	}

	/** Configures Buildroot and makes goals at the terminal. Returns make's exit status. */
	async makeAtTerminal(goals: readonly string[]): Promise<number> {
		await this.configure();
		const child = this.#spawn(goals, "inherit");
		const [status] = (await once(child, "close")) as [number | null];
		return status ?? 1;
	}

	/**
	 * Runs Buildroot's check of all packages for known vulnerabilities (CVEs) with the US National
	 * Vulnerability Database, which it fetches unless offline. Returns the path of the report, a CycloneDX
	 * file.
	 */
	async checkVulnerabilities(): Promise<string> {
		const database = join(this.#dlDirectory, "buildroot-nvd");
		if (this.#offline)
			await assertDownloaded(this.#dlDirectory, [
				"cyclonedx/spdx-*.schema.json",
				"buildroot-nvd/git/CVE-*",
			]);
		await this.configure();
		const report = join(this.directory, "cve.json");
		await writeFile(
			join(this.directory, "show-info.json"),
			await this.packages(),
		);
		const { directory } = this.#source;
		await this.#runTool(
			`${directory}/utils/generate-cyclonedx`,
			...["-i", "show-info.json", "-o", "sbom.json"],
		);
		await this.#runTool(
			`${directory}/support/scripts/cve-check`,
			...["-i", "sbom.json", "-o", report, "--nvd-path", database],
			...(this.#offline ? ["--no-nvd-update"] : []),
		);
		return report;
	}

	/** Runs a program of Buildroot that its makefile does not call. */
	async #runTool(program: string, ...args: string[]): Promise<void> {
		const { exitCode } = await $({
			cwd: this.directory,
			env: this.#environment,
			stdio: ["ignore", "inherit", "inherit"],
			nothrow: true,
		})`${program} ${args}`;
		if (exitCode !== 0)
			throw new Error(
				`Buildroot's ${basename(program)} failed: see the lines above`,
			);
	}

	/** Returns the value of one of Buildroot's make variables. */
	async variable(name: string): Promise<string> {
		const { stdout } = await this.#runMake("-s", "printvars", `VARS=${name}`);
		return stdout.trim().replace(`${name}=`, "");
	}

	/** Returns versions and sources of all packages, as JSON from Buildroot's `make show-info`. */
	async packages(): Promise<string> {
		return (await this.#runMake("-s", "show-info")).stdout;
	}

	/** Makes goals that take seconds; returns make's output. */
	async #runMake(...goals: string[]): Promise<ProcessOutput> {
		const [program, ...args] = this.#command(goals);
		const result = await $({
			env: this.#environment,
			quiet: true,
			nothrow: true,
		})`${program} ${args}`;
		if (result.exitCode === LOCKED)
			throw new Error(`another Buildroot works in ${this.directory}`);
		if (result.exitCode !== 0)
			throw new Error(
				`Buildroot's make ${goals.join(" ")} failed:\n${result.stderr}`,
			);
		return result;
	}

	/**
	 * Returns the make command. It is terminated when this process ends, even if that is killed, and fails
	 * with LOCKED while another make runs in the same directory.
	 */
	#command(args: readonly string[]): [string, ...string[]] {
		const offline = [
			`BR2_PRIMARY_SITE=file://${this.#dlDirectory}`,
			"BR2_PRIMARY_SITE_ONLY=y",
		];
		return [
			"setpriv",
			...["--pdeathsig", "TERM"],
			...["flock", "--no-fork", "--nonblock"],
			...["--conflict-exit-code", String(LOCKED)],
			join(this.directory, ".lock"),
			...["make", "--no-print-directory", "-C", this.#source.directory],
			...[`O=${this.directory}`, `BR2_EXTERNAL=${treeDirectory}`],
			...(this.#offline ? offline : []),
			...args,
		];
	}

	#spawn(goals: readonly string[], stdio: "inherit" | ("ignore" | "pipe")[]) {
		const [program, ...args] = this.#command(goals);
		return spawn(program, args, { env: this.#environment, stdio });
	}

	/** A fixed environment: the user's CFLAGS or PATH must not affect the build. */
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
			// Without it tar's configure refuses to run as root, as in containers.
			FORCE_UNSAFE_CONFIGURE: "1",
			BR2_DL_DIR: this.#dlDirectory,
		};
	}

	/** Removes packages whose unpacking or patching was interrupted: Buildroot cannot resume it. */
	async #removeHalfUnpacked(): Promise<void> {
		const directories = await glob("build/*-*", {
			cwd: this.directory,
			onlyDirectories: true,
			absolute: true,
		});
		for (const directory of directories)
			if (!(await exists(join(directory, ".stamp_patched"))))
				await rm(directory, { recursive: true });
	}

	get target(): Target {
		return this.#target;
	}
}

const exists = (path: string) =>
	access(path).then(
		() => true,
		() => false,
	);

/** @throws Error naming the patterns that match none of the downloads. */
async function assertDownloaded(dlDirectory: string, patterns: string[]) {
	const options = { cwd: dlDirectory, onlyFiles: false };
	const found = await Promise.all(
		patterns.map((pattern) => glob(pattern, options)),
	);
	const missing = patterns.filter((_, index) => found[index]?.length === 0);
	if (missing.length > 0)
		throw new Error(
			`offline, and ${dlDirectory} lacks ${missing.join(", ")}. Run once without --offline to fetch it.`,
		);
}
