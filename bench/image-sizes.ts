import { lstat } from "node:fs/promises";
import { join } from "node:path";
import Table from "cli-table3";
import { $ } from "zx";
import { rootfsTree } from "../board/base.ts";
import { debianBase } from "../board/debian/base.ts";
import { targets } from "../board/target.ts";
import { cacheSubdirectory } from "../pipeline/cache.ts";
import { runStage } from "../pipeline/stage.ts";

/**
 * Prints the size of each Debian package in the rootfs tree of a target, unpacked and compressed separately.
 * Run `node --import=tsx bench/image-sizes.ts arm64` after a build.
 */
const target = targets.find(({ name }) => name === process.argv[2]);
if (!target) throw new Error(`name a target: ${targets.map((t) => t.name)}`);

const options = { offline: true };
const base = await debianBase(target, options);
const result = await runStage(base.rootfs, { useCache: true, report() {} });
const tree = rootfsTree(result);
const debs = await cacheSubdirectory("debs");
const listed = await $`cut -f 1,3 ${result.directory}/packages.tsv`.quiet();
const rows: { name: string; bytes: number; compressed: number }[] = [];
for (const line of listed.stdout.trim().split("\n")) {
	const [name, sha256] = line.split("\t") as [string, string];
	const deb = join(debs, `${sha256}.deb`);
	const paths = await $`dpkg-deb --fsys-tarfile ${deb} | tar -t`.quiet();
	const files: string[] = [];
	let bytes = 0;
	for (const path of paths.stdout.trim().split("\n")) {
		const stats = await lstat(join(tree, path)).catch(() => undefined);
		if (!stats?.isFile()) continue;
		files.push(path);
		bytes += stats.size;
	}
	if (bytes === 0) continue;
	const tar = $({ input: files.join("\n"), quiet: true });
	const { stdout } =
		await tar`tar -c -C ${tree} -T - | xz ${target.xzFilter} --lzma2=preset=9 | wc -c`;
	rows.push({ name, bytes, compressed: Number(stdout) });
}
rows.sort((a, b) => b.compressed - a.compressed);
const table = new Table({ head: ["package", "unpacked", "compressed"] });
const kB = (bytes: number) => `${Math.round(bytes / 1000)} kB`;
for (const { name, bytes, compressed } of rows)
	if (compressed >= 100_000) table.push([name, kB(bytes), kB(compressed)]);
const sum = (key: "bytes" | "compressed") =>
	rows.reduce((total, row) => total + row[key], 0);
table.push(["all", kB(sum("bytes")), kB(sum("compressed"))]);
console.log(table.toString());
