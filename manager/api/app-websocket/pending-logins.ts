import { addressKey } from "../../../sdk/address-key.ts";
import { networkKey } from "../../access/login/attempt-limiter.ts";

export const maxPerAddress = 10;
export const maxPerNetwork = 50;

/**
 * Limits connections that have not logged in yet, per address and per network: one address
 * cannot lock out others, and the internet cannot lock out the private network.
 */
export class PendingLogins {
	readonly #counts = new Map<string, number>();

	/**
	 * Counts a connection.
	 * @returns a function that uncounts it; undefined if there are too many.
	 */
	add(address: string | undefined): (() => void) | undefined {
		const keys = {
			[`address ${addressKey(address)}`]: maxPerAddress,
			[`network ${networkKey(address)}`]: maxPerNetwork,
		};
		for (const [key, max] of Object.entries(keys))
			if ((this.#counts.get(key) ?? 0) >= max) return undefined;
		for (const key of Object.keys(keys)) this.#change(key, 1);
		let isPending = true;
		return () => {
			if (!isPending) return;
			isPending = false;
			for (const key of Object.keys(keys)) this.#change(key, -1);
		};
	}

	#change(key: string, difference: number): void {
		const count = (this.#counts.get(key) ?? 0) + difference;
		if (count === 0) this.#counts.delete(key);
		else this.#counts.set(key, count);
	}
}
