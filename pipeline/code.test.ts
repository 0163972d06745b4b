import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { appendFile, cp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";

// A copy of the project's code, in which the tests change files.
const project = dirname(import.meta.dirname);
const copy = mkdtempSync(join(tmpdir(), "app-platform-code-"));
const listing = [
	"ls-files",
	"-z",
	"--cached",
	"--others",
	"--exclude-standard",
];
const files = execFileSync("git", listing, { cwd: project, encoding: "utf8" })
	.split("\0")
	.filter((path) => /\.(tsx?|css|html|json)$/.test(path));
test.before(async () => {
	for (const path of files) await cp(join(project, path), join(copy, path));
	await symlink(join(project, "node_modules"), join(copy, "node_modules"));
});
test.after.always(() => rm(copy, { recursive: true, force: true }));

const from = <Module>(path: string) =>
	import(join(copy, path)) as Promise<Module>;
const code = () => from<typeof import("./code.ts")>("pipeline/code.ts");
const hash = () => from<typeof import("./hash.ts")>("pipeline/hash.ts");

/** Finds the modules that define a stage. */
async function stageModules(): Promise<string[]> {
	const found: string[] = [];
	for (const path of files.filter((path) => /(?<!\.test)\.ts$/.test(path)))
		if (
			/^\t+module: import\.meta\.filename,$/m.test(
				await readFile(join(copy, path), "utf8"),
			)
		)
			found.push(path);
	return found;
}

/** Returns whether changing a file changes the key. */
async function changes(
	path: string,
	key: () => Promise<string>,
	before: string,
): Promise<boolean> {
	const file = join(copy, path);
	await appendFile(file, "\n");
	const changed = (await key()) !== before;
	await cp(join(project, path), file);
	return changed;
}

test.serial(
	"a stage depends on each module that it imports, directly or not",
	async (t) => {
		const { codeInputs, importGraph } = await code();
		const { hashOfInputs } = await hash();
		const modules = await stageModules();
		t.true(modules.length >= 9, modules.join());
		for (const module of modules) {
			const key = async () =>
				hashOfInputs(await codeInputs(join(copy, module)));
			const before = await key();
			const graph = await importGraph([join(copy, module)]);
			t.true(graph.files.includes(module));
			for (const file of graph.files)
				t.true(await changes(file, key, before), `${module}: ${file}`);
			t.deepEqual(
				graph.files.filter((file) => file.includes(".test.")),
				[],
				module,
			);
			t.false(await changes("pipeline/stage.test.ts", key, before), module);
		}
	},
);

test.serial("the graph contains indirect imports", async (t) => {
	const { importGraph } = await code();
	for (const [module, imported] of [
		["board/debian/kernel.ts", "board/kconfig.ts"],
		["board/debian/rootfs.ts", "pipeline/elf.ts"],
		["stages/update.ts", "partitioning/boot-menu.ts"],
		["stages/rescue-system.ts", "board/contents.ts"],
		["stages/image.ts", "partitioning/layout.ts"],
	] as const) {
		const { files } = await importGraph([join(copy, module)]);
		t.true(files.includes(imported), `${module}: ${imported}`);
	}
});

test.serial("the manager depends on its bundled files only", async (t) => {
	const { managerStage } =
		await from<typeof import("../stages/manager.ts")>("stages/manager.ts");
	const { stageKey } =
		await from<typeof import("./stage.ts")>("pipeline/stage.ts");
	const release = { version: "1.0.0", build: 1 };
	const key = async () =>
		stageKey(await managerStage(release as Parameters<typeof managerStage>[0]));
	const before = await key();
	for (const path of [
		"sdk/protocol.ts",
		"manager/web/index.html",
		"manager/device/core-dump/memory-map.ts",
		"manager/app-hosting/instances/connection-test/mysql2-packages.ts",
	])
		t.true(await changes(path, key, before), path);
	for (const path of ["manager/shared/format.test.ts", "apps/notes/main.ts"])
		t.false(await changes(path, key, before), path);
});
