import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import anyTest from "ava";
import { cacheDirectory } from "../../pipeline/cache.ts";
import { type Target, targets } from "../target.ts";
import { BuildrootOutput } from "./output.ts";
import { release } from "./source.ts";

const { BUILDROOT_DIR, BUILDROOT_GIT } = process.env;
const unpacked = join(
	cacheDirectory(),
	`buildroot/buildroot-${release.version}`,
);

/** Runs with a real Buildroot, named in the environment or already in the cache; otherwise skips. */
const test =
	BUILDROOT_DIR || BUILDROOT_GIT || existsSync(unpacked)
		? anyTest.serial
		: anyTest.skip;

const directories: string[] = [];
anyTest.after.always(async () => {
	for (const directory of directories) await rm(directory, { recursive: true });
});

async function openOutput(
	target: Target,
	options: string | undefined,
): Promise<BuildrootOutput> {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-buildroot-"));
	directories.push(directory);
	const config = join(directory, "options");
	await writeFile(config, options ?? "");
	return BuildrootOutput.open(target, {
		...(BUILDROOT_DIR ? { buildrootDir: BUILDROOT_DIR } : {}),
		...(BUILDROOT_GIT ? { buildrootGit: BUILDROOT_GIT } : {}),
		buildrootConfig: [config],
		buildrootOutput: directory,
		offline: false,
	});
}

for (const target of targets)
	test(`Buildroot accepts all options of ${target.name} and knows all packages`, async (t) => {
		t.timeout(5 * 60_000);
		const output = await openOutput(target, undefined);
		await output.configure();
		const packages = Object.keys(JSON.parse(await output.packages()));
		for (const name of ["linux", "postgresql", "haproxy", "nodejs-src"])
			t.true(packages.includes(name), name);
		t.is(packages.includes("openvmtools"), target.name === "x86_64");
	});

const gateway = targets.find(({ name }) => name === "arm64") as Target;

test("configuring fails with the names of the options that Buildroot drops", async (t) => {
	t.timeout(5 * 60_000);
	const output = await openOutput(
		gateway,
		"BR2_PACKAGE_OPENVMTOOLS_PAM=y\nBR2_PACKAGE_HAPROXI=y\n",
	);
	await t.throwsAsync(output.configure(), {
		message:
			/does not take: BR2_PACKAGE_OPENVMTOOLS_PAM=y, BR2_PACKAGE_HAPROXI=y$/,
	});
});

test("a second Buildroot in the same directory is refused", async (t) => {
	t.timeout(5 * 60_000);
	const output = await openOutput(gateway, undefined);
	await output.configure();
	const lock = join(output.directory, ".lock");
	const holder = spawn("flock", [lock, "sh", "-c", "echo locked; exec cat"]);
	await once(holder.stdout, "data");
	await t.throwsAsync(output.packages(), {
		message: /another Buildroot works/,
	});
	holder.stdin.end();
	await once(holder, "close");
	await t.notThrowsAsync(output.packages());
});
