import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { addressKey } from "../../../sdk/address-key.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { isPrivateAddress } from "./private-addresses.ts";

export const attemptsPerAddress = 5;
export const attemptsInAll = 50;
const windowSeconds = 5 * 60;

/**
 * Limits wrong passwords, per address and in all. The private network has a count of its
 * own, so that nobody on the internet can lock out the admin in the house.
 */
export class Attempts {
	readonly #perAddress = new RateLimiterMemory({
		points: attemptsPerAddress,
		duration: windowSeconds,
	});
	readonly #inAll = new RateLimiterMemory({
		points: attemptsInAll,
		duration: windowSeconds,
	});

	/**
	 * Counts an attempt before its password is looked at, so that attempts at the same
	 * moment count too.
	 * @throws OperationError 429 when there were too many.
	 */
	async count(address: string | undefined): Promise<void> {
		try {
			// The address first: one that is over its limit must not use up the limit of all.
			await this.#perAddress.consume(addressKey(address));
			await this.#inAll.consume(networkKey(address));
		} catch (refusal) {
			if (!(refusal instanceof RateLimiterRes)) throw refusal;
			throw new OperationError(
				"tooManyAttempts",
				"tooManyAttempts",
				"Too many wrong passwords. Please wait a few minutes and try again.",
				{ retryAfterSeconds: Math.ceil(refusal.msBeforeNext / 1000) },
			);
		}
	}

	/** The password was right: the attempt does not count. */
	async forgive(address: string | undefined): Promise<void> {
		await this.#perAddress.delete(addressKey(address));
		await this.#inAll.reward(networkKey(address));
	}
}

/** The private network and the rest are told apart, so that one cannot use up the other's limits. */
export function networkKey(address: string | undefined): string {
	return isPrivateAddress(address) ? "private" : "public";
}
