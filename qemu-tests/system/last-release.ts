import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { $ } from "zx";
import { findSigner } from "../../stages/signing.ts";
import {
	cacheDirectory,
	type DiskFile,
	temporaryDirectory,
	withLock,
} from "../machine/index.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Returns the x86_64 image of the last release, as devices in the field have it. It is built from this repository's
 * history once per commit and signing key, and cached. Never write to it.
 * @throws Error when the repository does not have the commit.
 */
export async function lastReleaseImage(): Promise<DiskFile> {
	const commit = await lastReleaseCommit();
	// An update is accepted only from the key that signed the image.
	const { publicKey } = await findSigner(undefined);
	const key = createHash("sha256").update(publicKey).digest("hex");
	const all = cacheDirectory("qemu-tests");
	const name = `release-${commit.slice(0, 12)}-${key.slice(0, 12)}`;
	const directory = join(all, name);
	await mkdir(all, { recursive: true });
	return withLock(join(all, "release.lock"), async () => {
		if (!existsSync(directory)) await buildImage(commit, directory);
		const path = join(directory, "x86_64/app-platform-x86_64.img");
		return { path, format: "raw" };
	});
}

/** Only `package.json` names the last release. */
async function lastReleaseCommit(): Promise<string> {
	const path = join(repository, "package.json");
	const { config } = JSON.parse(await readFile(path, "utf8"));
	return config.lastRelease;
}

async function buildImage(commit: string, directory: string): Promise<void> {
	const partial = `${directory}.partial`;
	const source = temporaryDirectory();
	try {
		await unpackCommit(commit, source.path);
		await rm(partial, { recursive: true, force: true });
		await $({
			cwd: source.path,
			quiet: true,
		})`npm run build -- x86_64 --format img --output ${partial}`;
		await rename(partial, directory);
	} finally {
		source.remove();
	}
}

async function unpackCommit(commit: string, directory: string): Promise<void> {
	const git = $({ cwd: repository, quiet: true, nothrow: true });
	const found = await git`git cat-file -e ${`${commit}^{commit}`}`;
	if (found.exitCode !== 0)
		throw new Error(
			`This repository does not have the last release, commit ${commit} (package.json, config.lastRelease): clone it with its whole history, or complete a shallow clone with "git fetch --unshallow"`,
		);
	await git`git archive ${commit}`.pipe($`tar -x -C ${directory}`);
}
