import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** The answers of a suite's package lists to the build's questions, kept in the tree. */
export type PackageLock = z.infer<typeof lockSchema>;

/** A package as the archive has it at one moment. */
export type DebianPackage = z.infer<typeof packageSchema>;

const packageSchema = z.object({
	name: z.string(),
	version: z.string(),
	sha256: z.string().regex(/^[0-9a-f]{64}$/),
	/** Below the address of the archive. */
	path: z.string().regex(/^pool\/[\w./~+-]+$/),
});

const lockSchema = z.array(
	z.object({
		/** What was asked for. */
		names: z.array(z.string()),
		/** All that it needs. */
		packages: z.array(packageSchema),
	}),
);

const pathOf = (suite: string, architecture: string) =>
	join(import.meta.dirname, "lock", `${suite}-${architecture}.json`);

/** Undefined when the tree has none. */
export async function readLock(
	suite: string,
	architecture: string,
): Promise<PackageLock | undefined> {
	const path = pathOf(suite, architecture);
	if (!existsSync(path)) return undefined;
	return lockSchema.parse(JSON.parse(await readFile(path, "utf8")));
}

/** One line for each package, so that a diff shows what changed. */
export async function writeLock(
	suite: string,
	architecture: string,
	lock: PackageLock,
): Promise<void> {
	const lines = (list: readonly unknown[]) =>
		list.map((one) => JSON.stringify(one)).join(",\n");
	const answers = lock.map(
		({ names, packages }) =>
			`{"names":${JSON.stringify(names)},"packages":[\n${lines(packages)}\n]}`,
	);
	const path = pathOf(suite, architecture);
	await mkdir(join(path, ".."), { recursive: true });
	await writeFile(path, `[${answers.join(",\n")}]\n`);
}

/** @throws Error when the lock is of another list of names. */
export function lockedPackages(
	lock: PackageLock,
	names: readonly string[],
): DebianPackage[] {
	const question = JSON.stringify(names);
	const answer = lock.find((one) => JSON.stringify(one.names) === question);
	if (!answer)
		throw new Error(
			"the list of packages has changed since board/debian/lock was written, and the mirror's lists cannot be used: try again later, then write the lock anew with npm run lock",
		);
	return answer.packages;
}
