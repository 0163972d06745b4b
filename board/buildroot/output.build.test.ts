import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import anyTest from "ava";
import { cacheFolder } from "../../pipeline/cache.ts";
import { type Target, targets } from "../target.ts";
import { BuildrootOutput } from "./output.ts";
import { release } from "./source.ts";

const { BUILDROOT_DIR, BUILDROOT_GIT } = process.env;
const unpacked = join(cacheFolder(), `buildroot/buildroot-${release.version}`);

/** With a real Buildroot, where there is one: named in the environment or fetched before. */
const test =
	BUILDROOT_DIR || BUILDROOT_GIT || existsSync(unpacked)
		? anyTest.serial
		: anyTest.skip;

const folders: string[] = [];
anyTest.after.always(async () => {
	for (const folder of folders) await rm(folder, { recursive: true });
});

async function openOutput(
	target: Target,
	options: string | undefined,
): Promise<BuildrootOutput> {
	const folder = await mkdtemp(join(tmpdir(), "app-platform-buildroot-"));
	folders.push(folder);
	const config = join(folder, "options");
	await writeFile(config, options ?? "");
	return BuildrootOutput.open(target, {
		...(BUILDROOT_DIR ? { buildrootDir: BUILDROOT_DIR } : {}),
		...(BUILDROOT_GIT ? { buildrootGit: BUILDROOT_GIT } : {}),
		buildrootConfig: [config],
		buildrootOutput: folder,
		offline: false,
	});
}

for (const target of targets)
	test(`Buildroot takes all options of ${target.name} and knows all packages`, async (t) => {
		t.timeout(5 * 60_000);
		const output = await openOutput(target, undefined);
		await output.configure();
		const packages = Object.keys(JSON.parse(await output.packages()));
		for (const name of ["linux", "postgresql", "haproxy", "nodejs-src"])
			t.true(packages.includes(name), name);
		t.is(packages.includes("openvmtools"), target.name === "x86_64");
	});

const gateway = targets.find(({ name }) => name === "arm64") as Target;

test("an option that Buildroot drops stops it with its name", async (t) => {
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

test("a second Buildroot in the same folder is refused", async (t) => {
	t.timeout(5 * 60_000);
	const output = await openOutput(gateway, undefined);
	await output.configure();
	const lock = join(output.folder, ".lock");
	const holder = spawn("flock", [lock, "sh", "-c", "echo locked; exec cat"]);
	await once(holder.stdout, "data");
	await t.throwsAsync(output.packages(), {
		message: /another Buildroot works/,
	});
	holder.stdin.end();
	await once(holder, "close");
	await t.notThrowsAsync(output.packages());
});
