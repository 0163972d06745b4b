import type { Machine } from "../../machine/index.ts";
import { apps } from "./apps.ts";
import { certificate } from "./certificate.ts";
import { database } from "./database.ts";
import { asOwner, type Fixture } from "./fixture.ts";
import { homeFiles } from "./home-files.ts";
import { logins } from "./logins.ts";
import { logs } from "./logs.ts";
import { sharedFiles } from "./shared-files.ts";
import { systemSettings } from "./system-settings.ts";

const named = {
	logins,
	apps,
	database,
	sharedFiles,
	certificate,
	systemSettings,
	homeFiles,
	logs,
} as const satisfies Record<string, Fixture>;

/** In the order of creation: the passwords first. */
export const fixtures = Object.values(named) as [Fixture, ...Fixture[]];

/** The state of a lived-in machine, by kind. */
export type State = Record<keyof typeof named, unknown>;

/**
 * Reads the state of a lived-in machine from outside: everything that must be the same after an update, a
 * reinstallation or a power cut. Plain data, to compare with the disk's recorded state.
 * @param ignored kinds that the test has removed.
 */
export async function livedInState<Ignored extends keyof State = never>(
	machine: Machine,
	...ignored: readonly Ignored[]
): Promise<Omit<State, Ignored>> {
	const kinds = Object.entries(named).filter(
		([kind]) => !(ignored as readonly string[]).includes(kind),
	);
	return asOwner(machine, async (owned) => {
		const state: Record<string, unknown> = {};
		for (const [kind, fixture] of kinds)
			state[kind] = await fixture.read(owned);
		// As it is read from the cache: without undefined.
		return JSON.parse(JSON.stringify(state)) as Omit<State, Ignored>;
	});
}

/** Returns a state without the kinds that a test changes. */
export function without(
	state: Partial<State>,
	...kinds: readonly (keyof State)[]
): Partial<State> {
	const rest: Partial<State> = { ...state };
	for (const kind of kinds) delete rest[kind];
	return rest;
}
