import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { addressKey } from "../../../sdk/address-key.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { isPrivateAddress } from "./private-addresses.ts";

export const maxAttemptsPerAddress = 5;
export const maxAttemptsPerNetwork = 50;
const windowSeconds = 5 * 60;

/**
 * Limits wrong passwords, per address and per network. The private network has its own
 * limit, so that nobody on the internet can lock out the local admin.
 */
export class AttemptLimiter {
	readonly #perAddress = new RateLimiterMemory({
		points: maxAttemptsPerAddress,
		duration: windowSeconds,
	});
	readonly #perNetwork = new RateLimiterMemory({
		points: maxAttemptsPerNetwork,
		duration: windowSeconds,
	});

	/**
	 * Counts an attempt before its password is checked, so that concurrent attempts count too.
	 * @throws OperationError 429 after too many attempts.
	 */
	async count(address: string | undefined): Promise<void> {
		try {
			// The address first: one that exceeds its limit must not use up the network's.
			await this.#perAddress.consume(addressKey(address));
			await this.#perNetwork.consume(networkKey(address));
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

	/** Uncounts an attempt whose password was correct. */
	async forgive(address: string | undefined): Promise<void> {
		await this.#perAddress.delete(addressKey(address));
		await this.#perNetwork.reward(networkKey(address));
	}
}

/** Separates the private network from the rest, so that one cannot use up the other's limits. */
export function networkKey(address: string | undefined): string {
	return isPrivateAddress(address) ? "private" : "public";
}
