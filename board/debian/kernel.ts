import { appendFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { $, glob } from "zx";
import { cacheSubfolder } from "../../pipeline/cache.ts";
import { hashOfPaths } from "../../pipeline/hash.ts";
import type { Stage } from "../../pipeline/stage.ts";
import { refuseDroppedOptions } from "../kconfig.ts";
import type { Target } from "../target.ts";
import type { DebianArchive } from "./apt.ts";

const boardFolder = join(import.meta.dirname, "..");
/** The name of Debian's source package is the kernel's series. */
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
		join(boardFolder, "linux.config"),
		join(boardFolder, target.name, "linux.config"),
	];
	const deviceTrees = join(boardFolder, target.name, "device-trees");
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
		async make({ $, folder, report }) {
			report("unpacking the source");
			const [deb] = await archive.fetch([source]);
			await $`dpkg-deb --fsys-tarfile ${deb} | tar -x --to-stdout ./usr/src/${SOURCE_PACKAGE}.tar.xz | tar -xJ --strip-components=1 --one-top-level=source`;
			const options = (
				await Promise.all(fragments.map((path) => readFile(path, "utf8")))
			).join("");
			appendFileSync(join(folder, "fragments.config"), options);
			// Closed: no LOCALVERSION or KCFLAGS of whoever builds gets in.
			const make = $({
				cwd: join(folder, "source"),
				env: {
					PATH: process.env.PATH,
					HOME: process.env.HOME,
					LC_ALL: "C.UTF-8",
					TZ: "UTC",
					ARCH: target.kernel.arch,
					CROSS_COMPILE: `${target.gnuTriplet}-`,
					KCONFIG_ALLCONFIG: join(folder, "fragments.config"),
					// The same source gives the same bytes, whoever builds it, where and when.
					KBUILD_BUILD_TIMESTAMP: "@0",
					KBUILD_BUILD_USER: "app-platform",
					KBUILD_BUILD_HOST: "app-platform",
					CCACHE_DIR: await cacheSubfolder("ccache"),
					// Misses cost no second run of the preprocessor.
					CCACHE_DEPEND: "1",
					CCACHE_BASEDIR: folder,
				},
			});
			report("configuring");
			await make`make allnoconfig`;
			const config = await readFile(join(folder, "source/.config"), "utf8");
			refuseDroppedOptions("the kernel", options, config);
			report("compiling");
			const jobs = availableParallelism();
			await make`make CC=${`ccache ${compiler}`} -j${jobs} ${target.kernel.makeTarget}`;
			const { arch, image } = target.kernel;
			await $`mv source/${image} linux`;
			report("compiling device trees");
			await mkdir(join(folder, "dtbs"));
			const sources = `arch/${arch}/boot/dts`;
			for (const name of linesOf(await readFile(deviceTrees, "utf8"))) {
				const [path] = await glob(`**/${name.replace(/dtb$/, "dts")}`, {
					cwd: join(folder, "source", sources),
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

/** The lines of a list, less comments. */
function linesOf(text: string): string[] {
	return text.split("\n").filter((line) => line !== "" && line[0] !== "#");
}
