export interface Route {
	/** Of the server in HAProxy: letters, digits and -. */
	name: string;
	/** Begins and ends with a slash. */
	path: string;
	/** UNIX socket. */
	socket: string;
}

/** What is to be done so that HAProxy has what is wanted, in this order. */
export interface Differences {
	unmap: string[];
	add: Route[];
	/** Added, but cut off before it could be used. */
	enable: string[];
	enter: Route[];
	remove: string[];
}

/** @param paths server by path, as HAProxy has them. @param servers whether each is enabled. */
export function differences(
	wanted: readonly Route[],
	paths: ReadonlyMap<string, string>,
	servers: ReadonlyMap<string, boolean>,
): Differences {
	const byPath = new Map(wanted.map((route) => [route.path, route]));
	const names = new Set(wanted.map(({ name }) => name));
	return {
		unmap: [...paths]
			.filter(([path, name]) => byPath.get(path)?.name !== name)
			.map(([path]) => path),
		remove: [...servers.keys()].filter((name) => !names.has(name)),
		add: wanted.filter(({ name }) => !servers.has(name)),
		enable: wanted.map(({ name }) => name).filter((name) => !servers.get(name)),
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

/**
 * Whether each server is enabled, by its name: columns 4 (srv_name) and 7 (srv_admin_state, 0
 * without any maintenance) of `show servers state`, below a version and a `#` line.
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
