import { stat } from "node:fs/promises";
import { join } from "node:path";
import Table from "cli-table3";
import { $ } from "zx";
import { rootfsTree } from "../board/base.ts";
import { debianBase } from "../board/debian/base.ts";
import { targets } from "../board/target.ts";
import { runStage } from "../pipeline/stage.ts";
import { temporaryDirectory } from "../qemu-tests/machine/index.ts";

/**
 * Compares compressors of the base system: size, and time to unpack on an emulated core of the target, with the image's
 * own programs (Debian's qemu-user). Run `node --import=tsx bench/compression.ts arm64` after a build.
 */
const target = targets.find(({ name }) => name === process.argv[2]);
if (!target) throw new Error(`name a target: ${targets.map((t) => t.name)}`);
const emulator = { arm: "qemu-arm", arm64: "qemu-aarch64" }[target.name] ?? "";

const base = await debianBase(target, { offline: true });
const tree = rootfsTree(
	await runStage(base.rootfs, { useCache: true, report() {} }),
);
const { path: directory } = temporaryDirectory();
const shell = $({ quiet: true, cwd: directory });
await shell`tar -c --sort=name -C ${tree} . > base.tar`;
const inTarget = (program: string) =>
	[...(emulator ? [emulator, "-L", tree] : []), join(tree, program)] as const;

const compressors = [
	[
		"xz -9e with the target's filter",
		["xz", target.xzFilter, "--lzma2=preset=9e", "-c"],
		"usr/bin/xz",
	],
	["xz -6", ["xz", "-6", "-c"], "usr/bin/xz"],
	[
		"zstd -22 --long=27",
		["zstd", "--ultra", "-22", "--long=27", "-qc"],
		"usr/bin/zstd",
	],
	["zstd -19", ["zstd", "-19", "-qc"], "usr/bin/zstd"],
	["gzip -9", ["gzip", "-9", "-c"], "usr/bin/gzip"],
] as const;
const table = new Table({ head: ["", "bytes", "unpacking"] });
for (const [name, compress, program] of compressors) {
	console.error(`${name} …`);
	await shell`${[...compress]} < base.tar > compressed`;
	const { size } = await stat(join(directory, "compressed"));
	const extra = program.endsWith("zstd") ? ["--long=27"] : [];
	// CPU time, so that other load on this machine does not count.
	const { stderr } =
		await shell`TIMEFORMAT=%U; time ${[...inTarget(program)]} ${extra} -dc < compressed > /dev/null`;
	const seconds = Number(stderr);
	table.push([name, size.toLocaleString("en"), `${seconds.toFixed(1)} s`]);
}
console.log(table.toString());
