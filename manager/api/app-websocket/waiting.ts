import { addressKey } from "../../../sdk/address-key.ts";
import { networkKey } from "../../access/login/attempts.ts";

export const mostPerAddress = 10;
export const mostPerNetwork = 50;

/**
 * Those who have not logged in yet are few, however many come: one address cannot keep others
 * out, nor the internet the private network.
 */
export class Waiting {
	readonly #counts = new Map<string, number>();

	/** @returns to be called at the end of the waiting; undefined where there are too many. */
	enter(address: string | undefined): (() => void) | undefined {
		const keys = {
			[`address ${addressKey(address)}`]: mostPerAddress,
			[`network ${networkKey(address)}`]: mostPerNetwork,
		};
		for (const [key, most] of Object.entries(keys))
			if ((this.#counts.get(key) ?? 0) >= most) return undefined;
		for (const key of Object.keys(keys)) this.#add(key, 1);
		let isWaiting = true;
		return () => {
			if (!isWaiting) return;
			isWaiting = false;
			for (const key of Object.keys(keys)) this.#add(key, -1);
		};
	}

	#add(key: string, difference: number): void {
		const count = (this.#counts.get(key) ?? 0) + difference;
		if (count === 0) this.#counts.delete(key);
		else this.#counts.set(key, count);
	}
}
