import { targets } from "../target.ts";
import type { DebianArchive } from "./apt.ts";
import { debianBase } from "./base.ts";
import { type PackageLock, writeLock } from "./lock.ts";

/**
 * `npm run lock`: writes down the packages of this day, which a build takes where its mirror's
 * lists cannot be used. With `--offline`, those of the lists in the cache.
 */
const offline = process.argv.includes("--offline");
const archives = new Map<string, DebianArchive[]>();
for (const target of targets) {
	const base = await debianBase(target, { offline });
	for (const archive of base.archives) {
		const name = `${archive.suite} ${archive.architecture}`;
		archives.set(name, [...(archives.get(name) ?? []), archive]);
	}
}
for (const [first, ...others] of archives.values()) {
	if (!first) continue;
	// Each target asks its host's archive anew.
	const lock: PackageLock = [];
	for (const answer of [first, ...others].flatMap(({ asked }) => asked))
		if (!lock.some(({ names }) => `${names}` === `${answer.names}`))
			lock.push(answer);
	if (lock.length > 0) await writeLock(first.suite, first.architecture, lock);
}
