import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** The build's package requests and their results from a suite's lists, kept in the tree. */
export type PackageLock = z.infer<typeof lockSchema>;

/** A package in the archive at one point in time. */
export type DebianPackage = z.infer<typeof packageSchema>;

const packageSchema = z.object({
	name: z.string(),
	version: z.string(),
	sha256: z.string().regex(/^[0-9a-f]{64}$/),
	/** Relative to the archive's address. */
	path: z.string().regex(/^pool\/[\w./~+-]+$/),
});

const lockSchema = z.array(
	z.object({
		/** The requested packages. */
		names: z.array(z.string()),
		/** The requested packages and their dependencies. */
		packages: z.array(packageSchema),
	}),
);

const pathOf = (suite: string, architecture: string) =>
	join(import.meta.dirname, "lock", `${suite}-${architecture}.json`);

/** Returns undefined if the tree has no lock for this suite and architecture. */
export async function readLock(
	suite: string,
	architecture: string,
): Promise<PackageLock | undefined> {
	const path = pathOf(suite, architecture);
	if (!existsSync(path)) return undefined;
	return lockSchema.parse(JSON.parse(await readFile(path, "utf8")));
}

/** Writes one line for each package, so that a diff shows what changed. */
export async function writeLock(
	suite: string,
	architecture: string,
	lock: PackageLock,
): Promise<void> {
	const lines = (list: readonly unknown[]) =>
		list.map((one) => JSON.stringify(one)).join(",\n");
	const entries = lock.map(
		({ names, packages }) =>
			`{"names":${JSON.stringify(names)},"packages":[\n${lines(packages)}\n]}`,
	);
	const path = pathOf(suite, architecture);
	await mkdir(join(path, ".."), { recursive: true });
	await writeFile(path, `[${entries.join(",\n")}]\n`);
}

/** Returns undefined when the lock was written for another list of names. */
export function lockedPackages(
	lock: PackageLock,
	names: readonly string[],
): DebianPackage[] | undefined {
	const wanted = JSON.stringify(names);
	return lock.find((one) => JSON.stringify(one.names) === wanted)?.packages;
}
