import { oldestOfGreediest } from "../../shared/oldest-of-greediest.ts";

/** Who shares a place in the queue. Strangers are those without an earlier login. */
const lanes = [
	"knownBrowser",
	"knownAddress",
	"insideStranger",
	"outsideStranger",
] as const;
export type Lane = (typeof lanes)[number];

export const maxWaitingPerLane = 16;
/** Wrong passwords of all strangers together, before they are slowed down. */
export const freeStrangerFailures = 20;
const failuresPerSecond = 2;

/** What is known of an attempt before its password is checked. */
export interface Attempt {
	lane: Lane;
	source: string;
	/** How suspicious the source is at present: the number of its failures, for instance. */
	rank: () => number;
}

interface Check {
	source: string;
	rank: () => number;
	start: () => Promise<void>;
	drop: () => void;
}

/**
 * Checks passwords one at a time, because each check takes 16 MB and a lot of processor time. The lanes take turns, so
 * that attacks by strangers never keep out somebody who has logged in before. Many wrong passwords of strangers slow
 * down strangers: to two checks per second.
 */
export class CheckQueue {
	readonly #waiting: Record<Lane, Set<Check>> = {
		knownBrowser: new Set(),
		knownAddress: new Set(),
		insideStranger: new Set(),
		outsideStranger: new Set(),
	};
	readonly #now: () => number;
	#isChecking = false;
	#lastLane = 0;
	#failures = 0;
	#countedAtMs = 0;
	#timer: NodeJS.Timeout | undefined;

	/** @param now monotonic time in ms. */
	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
	}

	/**
	 * Runs a check when it is its turn: in a lane, the lowest rank comes first. Of a full lane, the highest rank is
	 * dropped: the oldest check of the greediest source.
	 * @param check returns whether the password is correct.
	 * @returns undefined if the check was dropped.
	 */
	run(
		{ lane, source, rank }: Attempt,
		check: () => Promise<boolean>,
	): Promise<boolean | undefined> {
		return new Promise((resolve, reject) => {
			const waiting = this.#waiting[lane];
			waiting.add({
				...{ source, rank },
				drop: () => resolve(undefined),
				start: async () => {
					try {
						const isCorrect = await check();
						if (!isCorrect && isStranger(lane)) this.#countFailure();
						resolve(isCorrect);
					} catch (error) {
						reject(error);
					}
				},
			});
			if (waiting.size > maxWaitingPerLane) {
				const most = Math.max(...[...waiting].map((one) => one.rank()));
				const dropped = oldestOfGreediest(
					[...waiting].filter((one) => one.rank() === most),
				);
				if (dropped) waiting.delete(dropped);
				dropped?.drop();
			}
			void this.#startNext();
		});
	}

	async #startNext(): Promise<void> {
		if (this.#isChecking) return;
		const check = this.#takeNext();
		if (!check) return;
		this.#isChecking = true;
		await check.start();
		this.#isChecking = false;
		void this.#startNext();
	}

	#takeNext(): Check | undefined {
		const delayMs = this.#strangersDelayMs();
		for (let turn = 1; turn <= lanes.length; turn += 1) {
			const index = (this.#lastLane + turn) % lanes.length;
			const lane = lanes[index] as Lane;
			const waiting = this.#waiting[lane];
			const least = Math.min(...[...waiting].map((one) => one.rank()));
			const check = [...waiting].find((one) => one.rank() === least);
			if (!check) continue;
			if (isStranger(lane) && delayMs > 0) {
				this.#timer ??= setTimeout(() => {
					this.#timer = undefined;
					void this.#startNext();
				}, delayMs).unref();
				continue;
			}
			waiting.delete(check);
			this.#lastLane = index;
			return check;
		}
		return undefined;
	}

	#countFailure(): void {
		this.#forgive();
		this.#failures += 1;
	}

	/** How long strangers have to wait for their next check. */
	#strangersDelayMs(): number {
		this.#forgive();
		const surplus = this.#failures - freeStrangerFailures;
		return Math.max(0, Math.ceil((surplus / failuresPerSecond) * 1000));
	}

	#forgive(): void {
		const nowMs = this.#now();
		const seconds = (nowMs - this.#countedAtMs) / 1000;
		this.#failures = Math.max(0, this.#failures - seconds * failuresPerSecond);
		this.#countedAtMs = nowMs;
	}
}

function isStranger(lane: Lane): boolean {
	return lane === "insideStranger" || lane === "outsideStranger";
}
