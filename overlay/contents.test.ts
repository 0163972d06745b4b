import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";

const libraryDirectory = "usr/lib/app-platform";
/** Written by the build; common.sha256 and the manager's programs into the installed system. */
const generated = [
	"boot-menu.sh",
	"layout.sh",
	"common.sha256",
	"manager",
	"write-core-file",
	"compile-cache",
	"read-provisioning",
	"app-syscalls.bpf",
];
/** Scripts of both look for it: it exists in the rescue system only. */
const rescueOnly = "persist-setting";

/** Returns the paths of all files and links in an overlay. */
async function pathsIn(overlay: string): Promise<string[]> {
	const directory = join(import.meta.dirname, overlay);
	const entries = await readdir(directory, {
		recursive: true,
		withFileTypes: true,
	});
	return entries
		.filter((entry) => !entry.isDirectory())
		.map((entry) =>
			join(entry.parentPath, entry.name).slice(directory.length + 1),
		)
		.sort();
}

/** Returns the names of scripts in the library that the files of an overlay use. */
async function namesIn(overlay: string): Promise<Set<string>> {
	const names = new Set<string>();
	for (const path of await pathsIn(overlay)) {
		const file = join(import.meta.dirname, overlay, path);
		// Links lead to places that are not on this machine.
		if (!(await stat(file).catch(() => undefined))?.isFile()) continue;
		for (const [, name] of (await readFile(file, "utf8")).matchAll(
			/\/usr\/lib\/app-platform\/([\w.-]+)/g,
		))
			if (name && path !== `${libraryDirectory}/${name}`) names.add(name);
	}
	return names;
}

async function librariesIn(overlay: string): Promise<string[]> {
	return (await pathsIn(overlay))
		.filter((path) => path.startsWith(`${libraryDirectory}/`))
		.map((path) => path.split("/")[3] ?? "");
}

for (const system of ["rescue", "system"])
	test(`${system} and both have the scripts that their scripts name, and no others`, async (t) => {
		const overlays = ["both", system];
		const named = new Set<string>();
		for (const overlay of overlays)
			for (const name of await namesIn(overlay)) named.add(name);
		const there = new Set<string>();
		for (const overlay of overlays)
			for (const name of await librariesIn(overlay)) there.add(name);
		t.deepEqual(
			[...named].filter(
				(name) => !there.has(name) && !generated.includes(name),
			),
			system === "rescue" ? [] : [rescueOnly],
			"missing",
		);
		t.deepEqual(
			[...there].filter((name) => !named.has(name)),
			[],
			"shipped by accident",
		);
	});

test("a file of both is in neither of the others", async (t) => {
	const both = await pathsIn("both");
	for (const other of ["rescue", "system"])
		for (const path of await pathsIn(other)) t.false(both.includes(path), path);
});
