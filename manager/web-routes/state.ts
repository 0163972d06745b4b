import type { Route } from "./routes.ts";

/** What is to be done so that HAProxy has what is wanted, in this order. */
export interface Differences {
	unmap: string[];
	remove: string[];
	add: Route[];
	enter: Route[];
}

/** @param paths server by path, as HAProxy has them. @param servers names. */
export function differences(
	wanted: readonly Route[],
	paths: ReadonlyMap<string, string>,
	servers: ReadonlySet<string>,
): Differences {
	const byPath = new Map(wanted.map((route) => [route.path, route]));
	const names = new Set(wanted.map(({ name }) => name));
	return {
		unmap: [...paths]
			.filter(([path, name]) => byPath.get(path)?.name !== name)
			.map(([path]) => path),
		remove: [...servers].filter((name) => !names.has(name)),
		add: wanted.filter(({ name }) => !servers.has(name)),
		enter: wanted.filter(({ path, name }) => paths.get(path) !== name),
	};
}

/** Lines `0x… KEY VALUE` of `show map`. */
export function parseMap(text: string): Map<string, string> {
	return new Map(
		lines(text).flatMap((line) => {
			const [, path, name] = line.split(" ");
			return path !== undefined && name !== undefined
				? [[path, name] as const]
				: [];
		}),
	);
}

/** The names, the fourth column of `show servers state`, below a version and a `#` line. */
export function parseServers(text: string): Set<string> {
	return new Set(
		lines(text).flatMap((line) => {
			const [backendId, , , name] = line.split(" ");
			return /^\d+$/.test(backendId ?? "") && name !== undefined ? [name] : [];
		}),
	);
}

function lines(text: string): string[] {
	return text.split("\n").filter((line) => line !== "");
}
