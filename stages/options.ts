import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import {
	type BuildrootOptions,
	buildrootOptions,
} from "../board/buildroot/options.ts";
import { type Format, formats, type Target, targets } from "../board/target.ts";
import { releaseEpochSeconds } from "./release.ts";

/** Where the kernel and the rootfs come from, see board/base.ts. */
const bases = ["debian", "buildroot"] as const;

export interface BuildOptions extends BuildrootOptions {
	base: (typeof bases)[number];
	targets: Target[];
	version: string;
	/** The image build number. */
	build: number;
	/** Undefined: all that the target has. */
	formats?: Format[];
	useCache: boolean;
	/** Gets a folder for each target. */
	output: string;
	epochSeconds: number;
	/** minisign's secret key; undefined: the development key of this user. */
	sign?: string;
	/** More public keys whose updates the images take. */
	trust: string[];
}

/** The command line of the build; prints the help or the error and exits where it is not right. */
export function parseOptions(argv: readonly string[]): BuildOptions {
	const names = targets.map(({ name }) => name);
	const command = new Command("npm run build --")
		.description(
			`Builds the images of the named targets into out/<target>/.

Downloads, compiled kernels and unchanged stages are kept in $APP_PLATFORM_CACHE
(default: ~/.cache/app-platform).`,
		)
		.argument("<targets...>", `what to build: ${names.join(", ")}`, parseTarget)
		.addOption(
			new Option(
				"--base <system>",
				"Debian's packages (minutes), or all compiled by Buildroot (hours)",
			)
				.choices(bases)
				.default("debian"),
		)
		.addOption(
			new Option(
				"--build <number>",
				"image build number, which updates and the store compare",
			)
				.argParser(parseBuildNumber)
				.default(packageJson().build),
		)
		.addOption(
			new Option(
				"--format <formats...>",
				`only these files: ${formats.join(", ")} (default: all that the target has)`,
			).argParser(parseFormat),
		)
		.option(
			"--sign <key>",
			"minisign's secret key NAME.key with NAME.pub beside it (default: a development key, made at first use)",
		)
		.option(
			"--trust <keys...>",
			"more public keys (.pub) whose updates the images take, such as the next one to sign with",
			[],
		)
		.option("--no-cache", "make every stage anew, whatever the cache holds")
		.option("--offline", "use the caches alone, no network", false)
		.option("--output <folder>", "where the files go", "out")
		.showHelpAfterError("(--help shows what there is)");
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
			`There is no such target; there are: ${targets.map((one) => one.name).join(", ")}.`,
		);
	return previous.includes(target) ? previous : [...previous, target];
}

function parseFormat(text: string, previous: Format[] = []): Format[] {
	const chosen = text.split(",").map((name) => {
		const format = formats.find((one) => one === name);
		if (!format)
			throw new InvalidArgumentError(
				`There is no format "${name}"; there are: ${formats.join(", ")}.`,
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
