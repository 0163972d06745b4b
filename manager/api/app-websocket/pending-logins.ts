import { addressKey } from "../../../sdk/address-key.ts";
import { oldestOfGreediest } from "../../shared/oldest-of-greediest.ts";

export const maxPerAddress = 50;
export const maxStrangers = 200;
export const maxKnown = 200;

interface PendingLogin {
	source: string;
	disconnect: () => void;
}

/**
 * Limits connections that have not logged in yet. A newcomer is never refused: the oldest connection of the address
 * with the most is disconnected instead. Addresses with an earlier login do not compete with the others.
 */
export class PendingLogins {
	readonly #strangers = new Set<PendingLogin>();
	readonly #known = new Set<PendingLogin>();

	/**
	 * Counts a connection.
	 * @param isKnown whether somebody has logged in from the address before.
	 * @param disconnect called if there are too many.
	 * @returns a function that uncounts it.
	 */
	add(
		address: string | undefined,
		isKnown: boolean,
		disconnect: () => void,
	): () => void {
		const pending = isKnown ? this.#known : this.#strangers;
		const login = { source: addressKey(address), disconnect };
		pending.add(login);
		const ofSource = [...pending].filter(
			({ source }) => source === login.source,
		);
		const max = isKnown ? maxKnown : maxStrangers;
		const dropped =
			ofSource.length > maxPerAddress
				? ofSource[0]
				: pending.size > max
					? oldestOfGreediest(pending)
					: undefined;
		if (dropped) {
			pending.delete(dropped);
			dropped.disconnect();
		}
		return () => void pending.delete(login);
	}
}
