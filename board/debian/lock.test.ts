import test from "ava";
import { targets } from "../target.ts";
import { OLD_SUITE, SUITE } from "./apt.ts";
import { lockedPackages, readLock } from "./lock.ts";
import { packages, packagesOfOldRelease } from "./packages.ts";

for (const { name, debianArchitecture, packages: own } of targets)
	for (const [suite, names] of [
		[SUITE, [...packages, ...own]],
		[OLD_SUITE, packagesOfOldRelease],
	] as const)
		test(`the lock has all packages of ${suite} for ${name}`, async (t) => {
			const lock = await readLock(suite, debianArchitecture);
			const locked = lockedPackages(lock ?? [], names) ?? [];
			for (const wanted of names)
				t.true(
					locked.some((one) => one.name === wanted),
					wanted,
				);
		});
