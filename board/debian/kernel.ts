import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cacheSubfolder } from "../../pipeline/cache.ts";
import { hashOfPaths } from "../../pipeline/hash.ts";
import type { Stage } from "../../pipeline/stage.ts";
import type { Target } from "../target.ts";
import type { DebianArchive } from "./apt.ts";

const boardFolder = join(import.meta.dirname, "..");
/** The name of Debian's source package is the kernel's series. */
const SOURCE_PACKAGE = "linux-source-6.12";

/** Compiles the kernel from Debian's source with our configuration. */
export async function kernelStage(
	target: Target,
	archive: DebianArchive,
	compiler: string,
): Promise<Stage> {
	const source = (await archive.resolve([SOURCE_PACKAGE])).find(
		({ name }) => name === SOURCE_PACKAGE,
	);
	if (!source) throw new Error(`Debian has no package ${SOURCE_PACKAGE}`);
	const fragments = [
		join(boardFolder, "linux.config"),
		join(boardFolder, target.name, "linux.config"),
	];
	return {
		name: `kernel ${target.name}`,
		inputs: {
			source: source.sha256,
			configuration: await hashOfPaths(...fragments),
			code: await hashOfPaths(import.meta.filename),
			compiler,
		},
		async make({ $, folder, report }) {
			report("unpacking the source");
			const [deb] = await archive.fetch([source]);
			await $`dpkg-deb --fsys-tarfile ${deb} | tar -x --to-stdout ./usr/src/${SOURCE_PACKAGE}.tar.xz | tar -xJ --strip-components=1 --one-top-level=source`;
			const options = (
				await Promise.all(fragments.map((path) => readFile(path, "utf8")))
			).join("");
			appendFileSync(join(folder, "fragments.config"), options);
			const environment = {
				ARCH: target.kernel.arch,
				KCONFIG_ALLCONFIG: join(folder, "fragments.config"),
				// The same source gives the same bytes, whoever builds it, where and when.
				KBUILD_BUILD_TIMESTAMP: "@0",
				KBUILD_BUILD_USER: "app-platform",
				KBUILD_BUILD_HOST: "app-platform",
				CCACHE_DIR: await cacheSubfolder("ccache"),
				// Misses cost no second run of the preprocessor.
				CCACHE_DEPEND: "1",
				CCACHE_BASEDIR: folder,
			};
			const make = $({
				cwd: join(folder, "source"),
				env: { ...process.env, ...environment },
			});
			report("configuring");
			await make`make allnoconfig`;
			const config = await readFile(join(folder, "source/.config"), "utf8");
			refuseDroppedOptions(options, config);
			report("compiling");
			await make`make CC=${"ccache gcc"} -j${availableParallelism()} ${target.kernel.makeTarget}`;
			await $`mv source/${target.kernel.image} linux && mv source/.config config`;
			await $`rm -r source fragments.config`;
		},
	};
}

/**
 * Kconfig drops an option silently when something it depends on is off: names those, so that
 * nobody finds out in the field. Throws when there are any.
 */
export function refuseDroppedOptions(options: string, config: string): void {
	const lines = new Set(config.split("\n"));
	const dropped = options
		.split("\n")
		.filter((line) => line.startsWith("CONFIG_"))
		.filter((line) => {
			const [name, value] = line.split("=");
			return value === "n" ? config.includes(`\n${name}=`) : !lines.has(line);
		});
	if (dropped.length > 0)
		throw new Error(
			`the kernel's configuration does not take: ${dropped.join(", ")}`,
		);
}
