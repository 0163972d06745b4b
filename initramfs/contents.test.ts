import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { glob } from "zx";
import { overlayPaths } from "./contents.ts";

const project = join(import.meta.dirname, "..");
const libraryDirectory = "usr/lib/app-platform";
/** Written by the build; common.sha256 into the installed system. */
const generated = ["boot-menu.sh", "common.sha256"];

/** The scripts of the rescue system, by their paths in it. */
async function scripts(): Promise<Map<string, string>> {
	const found = new Map<string, string>();
	const overlay = join(project, "rootfs-overlay");
	for (const path of await glob([...overlayPaths], { cwd: overlay, dot: true }))
		found.set(path, join(overlay, path));
	const root = join(import.meta.dirname, "root");
	for (const path of await readdir(root, { recursive: true }))
		found.set(path, join(root, path));
	for (const [path, file] of found)
		if (
			!(await stat(file).then(
				(stats) => stats.isFile(),
				() => false,
			))
		)
			found.delete(path);
	return found;
}

test("the rescue system has the scripts that its scripts name, and no others", async (t) => {
	const files = await scripts();
	const named = new Set<string>();
	for (const [path, file] of files) {
		const own = path.slice(libraryDirectory.length + 1);
		for (const [, name] of (await readFile(file, "utf8")).matchAll(
			/\/usr\/lib\/app-platform\/([\w.-]+)/g,
		))
			if (name && name !== own) named.add(name);
	}
	const there = [...files.keys()]
		.filter((path) => path.startsWith(`${libraryDirectory}/`))
		.map((path) => path.split("/")[3] ?? "");
	t.deepEqual(
		[...named].filter((name) => ![...there, ...generated].includes(name)),
		[],
		"missing",
	);
	t.deepEqual(
		[...new Set(there)].filter((name) => !named.has(name)),
		[],
		"shipped by accident",
	);
});
