import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import {
	type BuildrootOptions,
	buildrootOptions,
} from "../board/buildroot/options.ts";
import { type Format, formats, type Target, targets } from "../board/target.ts";
import { releaseEpochSeconds } from "./release.ts";

/** Sources of the kernel and the rootfs, see board/base.ts. */
const bases = ["debian", "buildroot"] as const;

export interface BuildOptions extends BuildrootOptions {
	base: (typeof bases)[number];
	targets: Target[];
	version: string;
	/** The image build number. */
	build: number;
	/** The lowest build that may replace the images' own; undefined: every build may. */
	minimumBuild?: number;
	/** undefined: all formats of the target. */
	formats?: Format[];
	useCache: boolean;
	/** Directory with a subdirectory for each target. */
	output: string;
	epochSeconds: number;
	/** minisign secret key; undefined: this user's development key. */
	sign?: string;
	/** More public keys whose updates the images accept. */
	trust: string[];
}

/** Parses the build's command line; prints help or an error and exits where appropriate. */
export function parseOptions(argv: readonly string[]): BuildOptions {
	const names = targets.map(({ name }) => name);
	const command = new Command("npm run build --")
		.description(
			`Builds the images of the named targets into out/<target>/.

Keeps downloads, compiled kernels and unchanged stages in $APP_PLATFORM_CACHE
(default: ~/.cache/app-platform).`,
		)
		.argument("<targets...>", `what to build: ${names.join(", ")}`, parseTarget)
		.addOption(
			new Option(
				"--base <system>",
				"from Debian packages (minutes) or compiled by Buildroot (hours)",
			)
				.choices(bases)
				.default("debian"),
		)
		.addOption(
			new Option(
				"--build <number>",
				"image build number, compared by updates and the store",
			)
				.argParser(parseBuildNumber)
				.default(packageJson().build),
		)
		.addOption(
			new Option(
				"--minimum-build <number>",
				"the lowest build by which the images may be replaced, so that a security fix cannot be undone (default: any)",
			).argParser(parseBuildNumber),
		)
		.addOption(
			new Option(
				"--format <formats...>",
				`only these formats: ${formats.join(", ")} (default: all formats of the target)`,
			).argParser(parseFormat),
		)
		.option(
			"--sign <key>",
			"minisign secret key NAME.key, with NAME.pub beside it (default: a development key, created at first use)",
		)
		.option(
			"--trust <keys...>",
			"more public keys (.pub) whose updates the images accept, such as the next signing key",
			[],
		)
		.option("--no-cache", "rerun every stage, ignoring cached results")
		.option("--offline", "use only the caches, no network", false)
		.option(
			"--locked",
			"refuse packages that are not in board/debian/lock, instead of taking newer ones",
			false,
		)
		.option("--output <directory>", "output directory", "out")
		.showHelpAfterError("(--help lists all options)");
	for (const option of buildrootOptions()) command.addOption(option);
	command.parse(argv);
	const { build, format, cache, ...others } = command.opts<
		Omit<BuildOptions, "formats" | "useCache"> & {
			format?: Format[];
			cache: boolean;
		}
	>();
	return {
		...others,
		targets: command.processedArgs[0] as Target[],
		version: packageJson().version,
		build,
		...(format ? { formats: format } : {}),
		useCache: cache,
		epochSeconds: releaseEpochSeconds(),
	};
}

function parseTarget(name: string, previous: Target[] = []): Target[] {
	const target = targets.find((one) => one.name === name);
	if (!target)
		throw new InvalidArgumentError(
			`Unknown target; targets: ${targets.map((one) => one.name).join(", ")}.`,
		);
	return previous.includes(target) ? previous : [...previous, target];
}

function parseFormat(text: string, previous: Format[] = []): Format[] {
	const chosen = text.split(",").map((name) => {
		const format = formats.find((one) => one === name);
		if (!format)
			throw new InvalidArgumentError(
				`Unknown format "${name}"; formats: ${formats.join(", ")}.`,
			);
		return format;
	});
	return [...new Set([...previous, ...chosen])];
}

function parseBuildNumber(text: string): number {
	if (!/^[1-9]\d{5}$/.test(text))
		throw new InvalidArgumentError(
			"A build number has six digits, 100000 to 999999, such as 130001.",
		);
	return Number(text);
}

function packageJson(): { version: string; build: number } {
	const path = join(import.meta.dirname, "..", "package.json");
	const { version, config } = JSON.parse(readFileSync(path, "utf8")) as {
		version: string;
		config: { build: number };
	};
	return { version, build: config.build };
}
