import { appendFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { $, glob } from "zx";
import { cacheSubdirectory } from "../../pipeline/cache.ts";
import { hashOfPaths } from "../../pipeline/hash.ts";
import type { Stage } from "../../pipeline/stage.ts";
import { assertNoDroppedOptions } from "../kconfig.ts";
import type { Target } from "../target.ts";
import type { DebianArchive } from "./apt.ts";

const boardDirectory = join(import.meta.dirname, "..");
/** Debian's source package, named after the kernel series. */
const SOURCE_PACKAGE = "linux-source-6.12";

/** Compiles the kernel from Debian's source with our configuration. */
export async function kernelStage(
	target: Target,
	archive: DebianArchive,
): Promise<Stage> {
	const source = (await archive.resolve([SOURCE_PACKAGE])).find(
		({ name }) => name === SOURCE_PACKAGE,
	);
	if (!source) throw new Error(`Debian has no package ${SOURCE_PACKAGE}`);
	const fragments = [
		join(boardDirectory, "linux.config"),
		join(boardDirectory, target.name, "linux.config"),
	];
	const deviceTrees = join(boardDirectory, target.name, "device-trees");
	const compiler = `${target.gnuTriplet}-gcc`;
	const compilerVersion = await $`${compiler} --version`.quiet();
	return {
		name: `kernel ${target.name}`,
		module: import.meta.filename,
		inputs: {
			source: source.sha256,
			configuration: await hashOfPaths(...fragments, deviceTrees),
			target: { ...target.kernel },
			compiler: compilerVersion.stdout.split("\n")[0] ?? "",
		},
		async make({ $, directory, report }) {
			report("unpacking the source");
			const [deb] = await archive.fetch([source]);
			await $`dpkg-deb --fsys-tarfile ${deb} | tar -x --to-stdout ./usr/src/${SOURCE_PACKAGE}.tar.xz | tar -xJ --strip-components=1 --one-top-level=source`;
			const options = (
				await Promise.all(fragments.map((path) => readFile(path, "utf8")))
			).join("");
			appendFileSync(join(directory, "fragments.config"), options);
			// A fixed environment: the user's LOCALVERSION or KCFLAGS must not affect the build.
			const make = $({
				cwd: join(directory, "source"),
				env: {
					PATH: process.env.PATH,
					HOME: process.env.HOME,
					LC_ALL: "C.UTF-8",
					TZ: "UTC",
					ARCH: target.kernel.arch,
					CROSS_COMPILE: `${target.gnuTriplet}-`,
					KCONFIG_ALLCONFIG: join(directory, "fragments.config"),
					// The result must not depend on user, host and time.
					KBUILD_BUILD_TIMESTAMP: "@0",
					KBUILD_BUILD_USER: "app-platform",
					KBUILD_BUILD_HOST: "app-platform",
					CCACHE_DIR: await cacheSubdirectory("ccache"),
					// Avoids a second run of the preprocessor for each cache miss.
					CCACHE_DEPEND: "1",
					CCACHE_BASEDIR: directory,
				},
			});
			report("configuring");
			await make`make allnoconfig`;
			const config = await readFile(join(directory, "source/.config"), "utf8");
			assertNoDroppedOptions("the kernel", options, config);
			report("compiling");
			const jobs = availableParallelism();
			await make`make CC=${`ccache ${compiler}`} -j${jobs} ${target.kernel.makeTarget}`;
			const { arch, image } = target.kernel;
			await $`mv source/${image} linux`;
			report("compiling device trees");
			await mkdir(join(directory, "dtbs"));
			const sources = `arch/${arch}/boot/dts`;
			for (const name of parseList(await readFile(deviceTrees, "utf8"))) {
				const [path] = await glob(`**/${name.replace(/dtb$/, "dts")}`, {
					cwd: join(directory, "source", sources),
				});
				if (!path) throw new Error(`the kernel has no device tree ${name}`);
				const dtb = path.replace(/dts$/, "dtb");
				await make`make CC=${`ccache ${compiler}`} ${dtb}`;
				await $`install -D -m 644 source/${sources}/${dtb} dtbs/${name}`;
			}
			await $`mv source/.config config`;
			await $`rm -r source fragments.config`;
		},
	};
}

/** Returns the lines of a list without comments. */
function parseList(text: string): string[] {
	return text.split("\n").filter((line) => line !== "" && line[0] !== "#");
}
