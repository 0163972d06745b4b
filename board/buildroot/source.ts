import { access, mkdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { $ } from "zx";
import { reproducibleTarOptions } from "../../pipeline/archive.ts";
import { cacheSubdirectory } from "../../pipeline/cache.ts";
import type { BuildrootOptions } from "./options.ts";

/** The long-term support release of Buildroot that this directory supports. */
export const release = {
	version: "2026.02.3",
	/** Commit of its tag. */
	commit: "679b9ead7620bbf193620d1ebf56f53c1764d37a",
	/** hashOfBuildroot: the same for a checkout and for the published archive. */
	sha256: "5aad80228aa3c6bf83b1a611c46710b07cd61d0b4812059406fa18d96f46fb23",
} as const;

const ADDRESS = "https://buildroot.org/downloads";

/** All of Buildroot except its manual, of which archives have more formats than Git. */
const parts = [
	...["Config.in", "Config.in.legacy", "Makefile", "Makefile.legacy"],
	...["arch", "board", "boot", "configs", "fs", "linux", "package"],
	...["support", "system", "toolchain", "utils"],
];

export interface BuildrootSource {
	directory: string;
	/** hashOfBuildroot */
	sha256: string;
}

/**
 * Returns Buildroot from the directory in the options, or the pinned release. Does not fetch an archive that is
 * already in the download directory (buildroot/buildroot-VERSION.tar.xz).
 * @throws Error when the hash is not that of the release.
 */
export async function buildrootSource(
	options: BuildrootOptions,
	dlDirectory: string,
): Promise<BuildrootSource> {
	if (options.buildrootDir) {
		const directory = resolve(options.buildrootDir);
		const sha256 = await hashOfBuildroot(directory).catch(() => {
			throw new Error(`${directory} is not Buildroot`);
		});
		if (sha256 !== release.sha256)
			console.warn(
				`Warning: ${directory} differs from Buildroot ${release.version} as released; it is used without changes.`,
			);
		return { directory, sha256 };
	}
	const top = await cacheSubdirectory("buildroot");
	const directory = join(top, `buildroot-${release.version}`);
	if (!(await exists(directory))) {
		const work = join(top, ".source");
		await rm(work, { recursive: true, force: true });
		await mkdir(work);
		if (options.buildrootGit)
			await unpackFromGit(resolveAddress(options.buildrootGit), work);
		else await unpackArchive(dlDirectory, options.offline, work);
		const sha256 = await hashOfBuildroot(work);
		if (sha256 !== release.sha256)
			throw new Error(
				`the fetched source is not Buildroot ${release.version}: its hash is ${sha256}, not ${release.sha256}`,
			);
		await rename(work, directory);
	}
	return { directory, sha256: release.sha256 };
}

/** SHA-256 over Buildroot's files: names, contents, links and executable bits. */
export async function hashOfBuildroot(directory: string): Promise<string> {
	const { stdout } =
		await $`tar -c ${reproducibleTarOptions(0)} --mode=a+rX,u+w,go-w --exclude=__pycache__ -C ${directory} ${parts} | sha256sum`.quiet();
	return stdout.slice(0, 64);
}

/** Unpacks the tag's commit; Git verifies it by its hash. */
async function unpackFromGit(
	address: string,
	directory: string,
): Promise<void> {
	const { version, commit } = release;
	const git = $({ cwd: directory, quiet: true });
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
	dlDirectory: string,
	offline: boolean,
	directory: string,
): Promise<void> {
	const name = `buildroot-${release.version}.tar.xz`;
	const archive = join(dlDirectory, "buildroot", name);
	if (!(await exists(archive))) {
		if (offline)
			throw new Error(
				`offline, and ${archive} does not exist: copy it there, or use --buildroot-dir or --buildroot-git`,
			);
		await mkdir(join(archive, ".."), { recursive: true });
		await $`wget --no-verbose -O ${archive}.part ${ADDRESS}/${name}`.quiet();
		await rename(`${archive}.part`, archive);
	}
	await $`tar -x -J -f ${archive} -C ${directory} --strip-components=1`.quiet();
}

/** Resolves a path against the working directory; leaves addresses unchanged. */
const resolveAddress = (address: string) =>
	/^[\w.@-]+:/.test(address) ? address : resolve(address);

const exists = (path: string) =>
	access(path).then(
		() => true,
		() => false,
	);
