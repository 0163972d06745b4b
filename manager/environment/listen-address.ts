/** The web server's port that serves the manager alone. */
export const managerWebPort = 444;

/** Where the manager listens: behind the web server, or on loopback for a developer. */
export type ListenAddress =
	| { kind: "socket"; path: string; group: string }
	| { kind: "loopback"; port: number };

/**
 * Reads MANAGER_PORT, MANAGER_SOCKET and MANAGER_SOCKET_GROUP. Loads nothing: the manager listens before it has loaded
 * the rest.
 * @throws Error naming an invalid variable.
 */
export function readListenAddress(
	environment: NodeJS.ProcessEnv,
): ListenAddress {
	const { MANAGER_PORT, MANAGER_SOCKET, MANAGER_SOCKET_GROUP } = environment;
	if (MANAGER_PORT === undefined)
		return {
			kind: "socket",
			path: MANAGER_SOCKET ?? "/run/manager/manager.sock",
			group: MANAGER_SOCKET_GROUP ?? "webserver",
		};
	const port = Number(MANAGER_PORT);
	if (!/^\d+$/.test(MANAGER_PORT) || port > 65_535)
		throw new Error(`MANAGER_PORT is no port: ${MANAGER_PORT}`);
	return { kind: "loopback", port };
}
