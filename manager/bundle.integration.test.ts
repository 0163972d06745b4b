import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { targetNames } from "../board/target.ts";
import { TestManager } from "../testing/test-manager.ts";
import { bundleManager } from "./bundle.ts";

const run = promisify(execFile);

test("the bundle is one executable file, reproducible and without build paths", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-bundle-"));
	t.teardown(() => rm(directory, { recursive: true }));
	const files = [join(directory, "first"), join(directory, "second")] as const;
	for (const outputFile of files)
		await bundleManager({
			outputFile,
			version: "1.2.3",
			build: 42,
			targetNames,
		});
	const [first, second] = await Promise.all(
		files.map((file) => readFile(file, "utf8")),
	);
	t.is(first, second);
	t.true(first?.startsWith("#!/usr/bin/node\n"));
	t.false(first?.includes(join(import.meta.dirname, "..")));
	t.is((await stat(files[0])).mode & 0o777, 0o755);
});

test("an invalid environment makes the manager exit with an error", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-bundle-"));
	t.teardown(() => rm(directory, { recursive: true }));
	const outputFile = join(directory, "manager");
	await bundleManager({ outputFile, version: "1.2.3", build: 42, targetNames });
	const error = await t.throwsAsync<Error & { code: number; stderr: string }>(
		run(outputFile, { env: { PATH: process.env.PATH, MANAGER_PORT: "x" } }),
	);
	t.is(error.code, 1);
	t.regex(error.stderr, /MANAGER_PORT/);
});

test("the manager alone in a directory starts, serves its pages, keeps its reserve and stops", async (t) => {
	const manager = await TestManager.create();
	t.teardown(() => manager.remove());
	await writeFile(
		join(manager.directory, "release"),
		"VERSION=1.0.0\nBUILD=130001\nTARGET=x86_64\n",
	);
	await manager.start();

	const page = await manager.get("/manager/");
	t.regex(String(page.headers["content-security-policy"]), /script-src 'self'/);
	const assets = [...page.body.matchAll(/"(\/manager\/assets\/[^"]+)"/g)];
	t.is(assets.length, 2);
	for (const [, asset] of assets)
		t.is((await manager.get(asset)).status, 200, asset);
	t.is((await manager.get("/manager")).headers.location, "/manager/");
	t.is((await manager.get("/manager/../etc/passwd")).status, 404);

	const { body } = await manager.get("/manager/api/openapi.json");
	t.is(body.openapi, "3.1.0");
	t.truthy(body.paths["/login"].post.requestBody);

	const cookie = await manager.logIn();
	const status = await manager.call("systemStatus", {}, { cookie });
	t.deepEqual(status.body.release, {
		version: "1.0.0",
		build: 130001,
		target: "x86_64",
	});
	t.true(status.body.disks.length > 0);

	await manager.logged("disk reserve");
	const reserve = join(manager.directory, "data/empty_if_no_space");
	const { size, blocks } = await stat(reserve);
	t.is(size, 1024 * 1024);
	t.true(blocks * 512 >= size, "allocated, not sparse");
	await writeFile(reserve, "\n"); // As documented for a full disk.
	t.is(await manager.stop(), 0);
	await manager.start();
	await manager.logged("disk reserve");
	t.is((await stat(reserve)).size, 1);
	await rm(reserve);
	await manager.stop();
	await manager.start();
	await manager.logged("disk reserve");
	t.is((await stat(reserve)).size, 1024 * 1024);
});

test("the manager starts again on the stale socket that kill -9 leaves", async (t) => {
	const manager = await TestManager.create();
	t.teardown(() => manager.remove());
	await manager.start();
	await manager.stop("SIGKILL");
	await manager.start();
	t.deepEqual((await manager.get("/manager/api/health")).body, { ok: true });
	t.is((await stat(manager.socket)).mode & 0o777, 0o600);
});
