import type { Signer } from "./signing.ts";

/** What is being built, as the image says of itself in `release` and /etc/app-platform-release. */
export interface Release {
	version: string;
	/** The image build number that updates and the store compare. */
	build: number;
	target: string;
	/** Every time stamp in the image, seconds since 1970. */
	epochSeconds: number;
	/** Signs the set of files. */
	signer: Signer;
	/** Public keys whose updates the image takes, the signer's first. */
	trustedKeys: readonly string[];
}

/** 2026-01-01, unless SOURCE_DATE_EPOCH says otherwise: the same inputs give the same bytes. */
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
	target,
	signer,
}: Release): string {
	const key = signer.isDevelopment ? "development" : "release";
	return `VERSION=${version}\nBUILD=${build}\nTARGET=${target}\nKEY=${key}\n`;
}

/** What identifiers (UUIDs, the disk signature) of this release follow from. */
export function releaseSeed({
	version,
	build,
	target,
}: Pick<Release, "version" | "build" | "target">): string {
	return `app-platform ${target} ${version} ${build}`;
}
