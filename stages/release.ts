import type { Signer } from "./signing.ts";

/** The release being built, as recorded in `release` and /etc/app-platform-release. */
export interface Release {
	version: string;
	/** Image build number, compared by updates and the store. */
	build: number;
	/** The lowest build that may replace this one; undefined if every build may. */
	minimumBuild?: number | undefined;
	target: string;
	/** Every timestamp in the image, in seconds since 1970. */
	epochSeconds: number;
	/** Signs the system image. */
	signer: Signer;
	/** Public keys whose updates the image accepts, the signer's first. */
	trustedKeys: readonly string[];
}

/** Returns SOURCE_DATE_EPOCH, by default 2026-01-01: fixed, so that the same inputs give the same bytes. */
export function releaseEpochSeconds(): number {
	const { SOURCE_DATE_EPOCH } = process.env;
	const seconds = Number(SOURCE_DATE_EPOCH || Date.UTC(2026, 0, 1) / 1000);
	if (!Number.isSafeInteger(seconds) || seconds < 0)
		throw new Error(`SOURCE_DATE_EPOCH is not a time: "${SOURCE_DATE_EPOCH}"`);
	return seconds;
}

/** The release file: lines that a shell can source. */
export function releaseFile({
	version,
	build,
	minimumBuild,
	target,
	signer,
}: Release): string {
	const key = signer.isDevelopment ? "development" : "release";
	const minimum =
		minimumBuild === undefined ? "" : `MINIMUM_BUILD=${minimumBuild}\n`;
	return `VERSION=${version}\nBUILD=${build}\n${minimum}TARGET=${target}\nKEY=${key}\n`;
}

/** What hypervisors show as the operating system: see os-release(5). */
export function osReleaseFile({ version, build }: Release): string {
	return `NAME="App Platform"\nID=app-platform\nVERSION_ID=${version}\nBUILD_ID=${build}\nPRETTY_NAME="App Platform ${version} (build ${build})"\n`;
}

/** The seed of this release's identifiers (UUIDs, disk signature). */
export function releaseSeed({
	version,
	build,
	target,
}: Pick<Release, "version" | "build" | "target">): string {
	return `app-platform ${target} ${version} ${build}`;
}
