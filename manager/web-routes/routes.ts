import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Part } from "../lifecycle/lifecycle.ts";
import type { Log } from "../log/log.ts";
import { haproxy, order } from "./haproxy.ts";
import { differences, parseMap, parseServers, type Route } from "./state.ts";

/** Where HAProxy is told, and what its configuration calls the things that change. */
export interface RoutesSettings {
	adminSocket: string;
	map: string;
	backend: string;
}

const tryAgainMs = 2_000;

/**
 * Which path of the web server leads to which socket. HAProxy is told at run time and never
 * reloaded; after a restart of its own it is told everything again.
 */
export class Routes implements Part {
	readonly name = "routes";
	readonly #settings: RoutesSettings;
	readonly #log: Log;
	readonly #wanted = new Map<string, Route>();
	#working: Promise<void> | undefined;
	#again = false;
	#timer: NodeJS.Timeout | undefined;
	#watcher: FSWatcher | undefined;

	constructor(settings: RoutesSettings, log: Log) {
		this.#settings = settings;
		this.#log = log;
	}

	start(): void {
		const { adminSocket } = this.#settings;
		try {
			// A HAProxy that begins makes its socket anew.
			this.#watcher = watch(dirname(adminSocket), (_event, name) => {
				if (name === basename(adminSocket)) this.#bringUpToDate();
			});
		} catch (error) {
			this.#log.warn({ err: error }, "HAProxy is not watched");
		}
		this.#bringUpToDate();
	}

	async stop(): Promise<void> {
		this.#watcher?.close();
		clearTimeout(this.#timer);
		await this.#working;
		clearTimeout(this.#timer);
	}

	set(route: Route): void {
		this.#wanted.set(route.name, route);
		this.#bringUpToDate();
	}

	delete(name: string): void {
		if (this.#wanted.delete(name)) this.#bringUpToDate();
	}

	#bringUpToDate(): void {
		if (this.#working) {
			this.#again = true;
			return;
		}
		clearTimeout(this.#timer);
		this.#working = this.#tell()
			.catch((error) => {
				this.#log.warn({ err: error }, "HAProxy is told again soon");
				this.#timer = setTimeout(() => this.#bringUpToDate(), tryAgainMs);
			})
			.finally(() => {
				this.#working = undefined;
				if (!this.#again) return;
				this.#again = false;
				this.#bringUpToDate();
			});
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
