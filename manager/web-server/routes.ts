import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { HaproxyFollower } from "./follower.ts";
import { haproxy, order } from "./haproxy.ts";
import { differences, parseMap, parseServers, type Route } from "./state.ts";

/** Where HAProxy is told, and what its configuration calls the things that change. */
export interface RoutesSettings {
	adminSocket: string;
	map: string;
	backend: string;
}

/**
 * Which path of the web server leads to which socket. HAProxy is told at run time and never
 * reloaded; after a restart of its own it is told everything again.
 */
export class Routes implements Part {
	readonly name = "routes";
	readonly #settings: RoutesSettings;
	readonly #wanted = new Map<string, Route>();
	readonly #follower: HaproxyFollower;

	constructor(settings: RoutesSettings, log: Log) {
		this.#settings = settings;
		this.#follower = new HaproxyFollower(
			settings.adminSocket,
			() => this.#tell(),
			log,
		);
	}

	start(): void {
		this.#follower.start();
	}

	async stop(): Promise<void> {
		await this.#follower.stop();
	}

	set(route: Route): void {
		this.#wanted.set(route.name, route);
		this.#follower.bringUpToDate();
	}

	delete(name: string): void {
		if (this.#wanted.delete(name)) this.#follower.bringUpToDate();
	}

	async #tell(): Promise<void> {
		const { adminSocket, map, backend } = this.#settings;
		const ask = (command: string) => haproxy(adminSocket, command);
		const paths = parseMap(await ask(`show map ${map}`));
		const servers = parseServers(await ask(`show servers state ${backend}`));
		const { unmap, remove, add, enable, enter } = differences(
			[...this.#wanted.values()],
			paths,
			servers,
		);
		// First nobody is led there any more, then it may go; and it is there before somebody is.
		for (const path of unmap)
			await order(adminSocket, `del map ${map} ${path}`, /not found/);
		for (const { name, socket } of add)
			await order(
				adminSocket,
				`add server ${backend}/${name} unix@${socket} weight 0`,
				/registered/,
			);
		for (const name of enable)
			await order(adminSocket, `enable server ${backend}/${name}`, /^$/);
		for (const { path, name } of enter)
			await order(adminSocket, `add map ${map} ${path} ${name}`, /^$/);
		// Last: one that still has connections is tried again, and keeps no other waiting.
		for (const name of remove) {
			const server = `${backend}/${name}`;
			await ask(`set server ${server} state maint`);
			await ask(`shutdown sessions server ${server}`);
			await order(adminSocket, `del server ${server}`, /deleted/);
		}
	}
}
