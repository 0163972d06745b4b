import { targets } from "../target.ts";
import type { DebianArchive } from "./apt.ts";
import { debianBase } from "./base.ts";
import { type PackageLock, writeLock } from "./lock.ts";

/**
 * `npm run lock`: writes the newest packages to the lock, from which builds take theirs. With `--offline`, takes them from the lists in the cache.
 */
const offline = process.argv.includes("--offline");
const archives = new Map<string, DebianArchive[]>();
for (const target of targets) {
	const base = await debianBase(target, { offline, renewLock: true });
	for (const archive of base.archives) {
		const name = `${archive.suite} ${archive.architecture}`;
		archives.set(name, [...(archives.get(name) ?? []), archive]);
	}
}
for (const [first, ...others] of archives.values()) {
	if (!first) continue;
	// Several targets may have made the same request.
	const lock: PackageLock = [];
	for (const entry of [first, ...others].flatMap(({ resolved }) => resolved))
		if (!lock.some(({ names }) => `${names}` === `${entry.names}`))
			lock.push(entry);
	if (lock.length > 0) await writeLock(first.suite, first.architecture, lock);
}
