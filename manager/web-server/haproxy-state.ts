export interface Route {
	/** The server's name in HAProxy: letters, digits and -. */
	name: string;
	/** Begins and ends with a slash. */
	path: string;
	/** UNIX socket. */
	socket: string;
}

/** The changes that bring HAProxy to the wanted routes, in this order. */
export interface RouteChanges {
	/** Paths. */
	unmap: string[];
	add: Route[];
	/** Names of new servers, and of those whose addition was interrupted. */
	enable: string[];
	map: Route[];
	/** Names of servers. */
	remove: string[];
}

/** @param paths HAProxy's servers by path. @param servers whether each is enabled. */
export function diffRoutes(
	wanted: readonly Route[],
	paths: ReadonlyMap<string, string>,
	servers: ReadonlyMap<string, boolean>,
): RouteChanges {
	const byPath = new Map(wanted.map((route) => [route.path, route]));
	const names = new Set(wanted.map(({ name }) => name));
	return {
		unmap: [...paths]
			.filter(([path, name]) => byPath.get(path)?.name !== name)
			.map(([path]) => path),
		remove: [...servers.keys()].filter((name) => !names.has(name)),
		add: wanted.filter(({ name }) => !servers.has(name)),
		enable: wanted.map(({ name }) => name).filter((name) => !servers.get(name)),
		map: wanted.filter(({ path, name }) => paths.get(path) !== name),
	};
}

/** @param text output of `show map`: lines `0x… KEY VALUE`. */
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

/**
 * Returns whether each server is enabled, by name.
 * @param text output of `show servers state`: column 4 is srv_name and 7 srv_admin_state (0
 * without any maintenance), below a version line and a `#` line.
 */
export function parseServers(text: string): Map<string, boolean> {
	return new Map(
		lines(text).flatMap((line) => {
			const [backendId, , , name, , , adminState] = line.split(" ");
			return /^\d+$/.test(backendId ?? "") && name !== undefined
				? [[name, adminState === "0"] as const]
				: [];
		}),
	);
}

function lines(text: string): string[] {
	return text.split("\n").filter((line) => line !== "");
}
