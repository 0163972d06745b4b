import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { selectPaths } from "./rescue-system-files.ts";

test("selects a file once that has a second path through a linked directory", async (t) => {
	const tree = await mkdtemp(join(tmpdir(), "app-platform-tree-"));
	t.teardown(() => rm(tree, { recursive: true }));
	await mkdir(join(tree, "usr/lib"), { recursive: true });
	await symlink("lib", join(tree, "usr/lib64"));
	await writeFile(join(tree, "usr/lib/ld-linux.so.2"), "");
	const found = await selectPaths(tree, ["usr/{lib,lib64}/ld-linux*"]);
	t.deepEqual(found, ["usr/lib/ld-linux.so.2"]);
});
