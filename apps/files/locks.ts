import { isWithin, type Path } from "./paths.ts";

/** Who holds it alone, or together with others, may write. */
export interface Lock {
	token: string;
	path: Path;
	/** For all that is below, too. */
	isDeep: boolean;
	isExclusive: boolean;
	/** XML that its holder wants to have told to others. */
	owner: string;
	/** From now. */
	timeoutSeconds: number;
}

/** Those that protect the path, whether somebody is there or not. */
export function covering(locks: readonly Lock[], path: Path): Lock[] {
	return locks.filter((lock) =>
		lock.isDeep ? isWithin(path, lock.path) : isSame(path, lock.path),
	);
}

/**
 * What is in the way of a change.
 * @param paths files and folders that change.
 * @param trees folders that change with all that is in them.
 * @returns a lock none of whose holders is known by its token.
 */
export function obstacle(
	locks: readonly Lock[],
	tokens: readonly string[],
	{ paths, trees = [] }: { paths: readonly Path[]; trees?: readonly Path[] },
): Lock | undefined {
	const below = locks
		.map(({ path }) => path)
		.filter((path) => trees.some((tree) => isWithin(path, tree)));
	for (const path of [...paths, ...trees, ...below]) {
		const found = covering(locks, path);
		if (found.length > 0 && !found.some(({ token }) => tokens.includes(token)))
			return found[0];
	}
	return undefined;
}

/** @returns a lock that cannot be there together with the wanted one. */
export function conflict(
	locks: readonly Lock[],
	wanted: Pick<Lock, "path" | "isDeep" | "isExclusive">,
): Lock | undefined {
	const below = wanted.isDeep
		? locks.filter(({ path }) => isWithin(path, wanted.path))
		: [];
	return [...covering(locks, wanted.path), ...below].find(
		({ isExclusive }) => isExclusive || wanted.isExclusive,
	);
}

function isSame(path: Path, other: Path): boolean {
	return path.length === other.length && isWithin(path, other);
}
