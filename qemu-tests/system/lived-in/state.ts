import type { Machine } from "../../machine/index.ts";
import { apps } from "./apps.ts";
import { certificate } from "./certificate.ts";
import { database } from "./database.ts";
import { homeFiles } from "./home-files.ts";
import { logins } from "./logins.ts";
import { logs } from "./logs.ts";
import { sharedFiles } from "./shared-files.ts";
import { systemSettings } from "./system-settings.ts";
import { asOwner, type Trace } from "./trace.ts";

const named = {
	logins,
	apps,
	database,
	sharedFiles,
	certificate,
	systemSettings,
	homeFiles,
	logs,
} as const satisfies Record<string, Trace>;

/** In the order in which they are left: the passwords first. */
export const traces = Object.values(named) as [Trace, ...Trace[]];

/** What is found on a lived-in machine, by kind. */
export type State = Record<keyof typeof named, unknown>;

/**
 * Looks at a lived-in machine from outside: at all that must be the same after an update, a
 * reinstallation, a power cut. Plain data, to be compared with the disk's recorded state.
 * @param unlooked kinds that a story has ended.
 */
export async function stateOf<Unlooked extends keyof State = never>(
	machine: Machine,
	...unlooked: readonly Unlooked[]
): Promise<Omit<State, Unlooked>> {
	const looked = Object.entries(named).filter(
		([kind]) => !(unlooked as readonly string[]).includes(kind),
	);
	return asOwner(machine, async (owned) => {
		const state: Record<string, unknown> = {};
		for (const [kind, trace] of looked) state[kind] = await trace.found(owned);
		// As it is read back from the cache: without undefined.
		return JSON.parse(JSON.stringify(state)) as Omit<State, Unlooked>;
	});
}

/** Returns a state but for the kinds that a story changes. */
export function without(
	state: Partial<State>,
	...kinds: readonly (keyof State)[]
): Partial<State> {
	const rest: Partial<State> = { ...state };
	for (const kind of kinds) delete rest[kind];
	return rest;
}
