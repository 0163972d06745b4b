import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { runHaproxyCommand, sendHaproxyCommand } from "./haproxy.ts";
import { HaproxyReconciler } from "./haproxy-reconciler.ts";
import {
	diffRoutes,
	parseMap,
	parseServers,
	type Route,
} from "./haproxy-state.ts";

/** HAProxy's admin socket, and the names of maps and the backend in its configuration. */
export interface RoutesEnvironment {
	adminSocket: string;
	map: string;
	backend: string;
	/** The map of the host names that lead to the manager alone. */
	managerNamesMap: string;
}

/**
 * Maps paths of the web server to sockets. HAProxy is updated at run time and never reloaded;
 * after it restarts, it gets all routes again.
 */
export class Routes implements Part {
	readonly name = "routes";
	readonly #environment: RoutesEnvironment;
	readonly #wanted = new Map<string, Route>();
	/** Undefined until it is known. */
	#managerName: string | null | undefined;
	readonly #reconciler: HaproxyReconciler;

	constructor(environment: RoutesEnvironment, log: Log) {
		this.#environment = environment;
		this.#reconciler = new HaproxyReconciler(
			environment.adminSocket,
			() => this.#update(),
			log,
		);
	}

	start(): void {
		this.#reconciler.start();
	}

	async stop(): Promise<void> {
		await this.#reconciler.stop();
	}

	set(route: Route): void {
		this.#wanted.set(route.name, route);
		this.#reconciler.requestUpdate();
	}

	delete(name: string): void {
		if (this.#wanted.delete(name)) this.#reconciler.requestUpdate();
	}

	/** @param name the host name that leads to the manager alone; null if there is none. */
	setManagerName(name: string | null): void {
		this.#managerName = name;
		this.#reconciler.requestUpdate();
	}

	async #update(): Promise<void> {
		const { adminSocket, map, backend } = this.#environment;
		const send = (command: string) => sendHaproxyCommand(adminSocket, command);
		const run = (command: string, accepted: RegExp) =>
			runHaproxyCommand(adminSocket, command, accepted);
		// First: no app may ever be reached by the manager's name, since its pages would share the manager's origin.
		const managerName = this.#managerName;
		if (managerName === undefined) return;
		const names = this.#environment.managerNamesMap;
		const mapped = parseMap(await send(`show map ${names}`));
		for (const name of mapped.keys())
			if (name !== managerName)
				await run(`del map ${names} ${name}`, /not found/);
		if (managerName !== null && !mapped.has(managerName))
			await run(`add map ${names} ${managerName} manager`, /^$/);
		const paths = parseMap(await send(`show map ${map}`));
		const servers = parseServers(await send(`show servers state ${backend}`));
		const changes = diffRoutes([...this.#wanted.values()], paths, servers);
		// No path ever leads to a missing server: unmap before removing, add before mapping.
		for (const path of changes.unmap)
			await run(`del map ${map} ${path}`, /not found/);
		for (const { name, socket } of changes.add)
			await run(
				`add server ${backend}/${name} unix@${socket} weight 0`,
				/registered/,
			);
		for (const name of changes.enable)
			await run(`enable server ${backend}/${name}`, /^$/);
		for (const { path, name } of changes.map)
			await run(`add map ${map} ${path} ${name}`, /^$/);
		// Last, because deleting fails while a server has connections; the retry then delays nothing else.
		for (const name of changes.remove) {
			const server = `${backend}/${name}`;
			await send(`set server ${server} state maint`);
			await send(`shutdown sessions server ${server}`);
			await run(`del server ${server}`, /deleted/);
		}
	}
}
