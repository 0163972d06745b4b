import { access, mkdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { $ } from "zx";
import { reproducible } from "../../pipeline/archive.ts";
import { cacheSubfolder } from "../../pipeline/cache.ts";
import type { BuildrootOptions } from "./options.ts";

/** Buildroot's release with long-term support that this folder is written for. */
export const release = {
	version: "2026.02.3",
	/** What its tag stands for. */
	commit: "679b9ead7620bbf193620d1ebf56f53c1764d37a",
	/** hashOfBuildroot: the same for a checkout and for the published archive. */
	sha256: "5aad80228aa3c6bf83b1a611c46710b07cd61d0b4812059406fa18d96f46fb23",
} as const;

const ADDRESS = "https://buildroot.org/downloads";

/** All of Buildroot but its manual, which archives have in more forms than Git. */
const parts = [
	...["Config.in", "Config.in.legacy", "Makefile", "Makefile.legacy"],
	...["arch", "board", "boot", "configs", "fs", "linux", "package"],
	...["support", "system", "toolchain", "utils"],
];

export interface BuildrootSource {
	folder: string;
	/** hashOfBuildroot */
	sha256: string;
}

/**
 * Buildroot: the folder named in the options, or the pinned release. An archive in the folder
 * of downloads (buildroot/buildroot-VERSION.tar.xz) is used before anything is fetched.
 * Throws when what was fetched is not the release.
 */
export async function buildrootSource(
	options: BuildrootOptions,
	dlFolder: string,
): Promise<BuildrootSource> {
	if (options.buildrootDir) {
		const folder = resolve(options.buildrootDir);
		const sha256 = await hashOfBuildroot(folder).catch(() => {
			throw new Error(`${folder} is not Buildroot`);
		});
		if (sha256 !== release.sha256)
			console.warn(
				`Warning: ${folder} is not Buildroot ${release.version} as it was released; it is used as it is.`,
			);
		return { folder, sha256 };
	}
	const top = await cacheSubfolder("buildroot");
	const folder = join(top, `buildroot-${release.version}`);
	if (!(await isThere(folder))) {
		const work = join(top, ".source");
		await rm(work, { recursive: true, force: true });
		await mkdir(work);
		if (options.buildrootGit)
			await unpackFromGit(resolveAddress(options.buildrootGit), work);
		else await unpackArchive(dlFolder, options.offline, work);
		const sha256 = await hashOfBuildroot(work);
		if (sha256 !== release.sha256)
			throw new Error(
				`what was fetched is not Buildroot ${release.version}: its hash is ${sha256}, not ${release.sha256}`,
			);
		await rename(work, folder);
	}
	return { folder, sha256: release.sha256 };
}

/** SHA-256 over what builds: names, contents, links and executable bits. */
export async function hashOfBuildroot(folder: string): Promise<string> {
	const { stdout } =
		await $`tar -c ${reproducible(0)} --mode=a+rX,u+w,go-w --exclude=__pycache__ -C ${folder} ${parts} | sha256sum`.quiet();
	return stdout.slice(0, 64);
}

/** The tag's commit, which Git verifies by its name. */
async function unpackFromGit(address: string, folder: string): Promise<void> {
	const { version, commit } = release;
	const git = $({ cwd: folder, quiet: true });
	await git`git init --quiet --bare .git`;
	await git`git --git-dir=.git fetch --quiet --depth=1 ${address} refs/tags/${version}`;
	const found = await git`git --git-dir=.git rev-parse FETCH_HEAD^{commit}`;
	if (found.stdout.trim() !== commit)
		throw new Error(
			`the tag ${version} of ${address} is ${found.stdout.trim()}, not ${commit}`,
		);
	await git`git --git-dir=.git archive ${commit} | tar -x`;
	await git`rm -r .git`;
}

async function unpackArchive(
	dlFolder: string,
	offline: boolean,
	folder: string,
): Promise<void> {
	const name = `buildroot-${release.version}.tar.xz`;
	const archive = join(dlFolder, "buildroot", name);
	if (!(await isThere(archive))) {
		if (offline)
			throw new Error(
				`offline, and there is no ${archive}: put it there, or name a --buildroot-dir or --buildroot-git`,
			);
		await mkdir(join(archive, ".."), { recursive: true });
		await $`wget --no-verbose -O ${archive}.part ${ADDRESS}/${name}`.quiet();
		await rename(`${archive}.part`, archive);
	}
	await $`tar -x -J -f ${archive} -C ${folder} --strip-components=1`.quiet();
}

/** Paths are of the folder where the command was called, addresses stay. */
const resolveAddress = (address: string) =>
	/^[\w.@-]+:/.test(address) ? address : resolve(address);

const isThere = (path: string) =>
	access(path).then(
		() => true,
		() => false,
	);
