import { useEffect, useState } from "preact/hooks";
import type { Output, QueryName } from "./api.ts";
import type { Connection } from "./connection.ts";

export interface Live<Value> {
	/** The last answer; stays while there is no newer one. */
	value: Value | undefined;
	/** Why there is no newer one. */
	problem: string | undefined;
}

/**
 * Keeps a value of the manager up to date: asks, and some time after the answer asks
 * again, so that a slow device is never asked faster than it answers.
 * @param failed told of each failure.
 */
export function useLive<Name extends QueryName>(
	connection: Connection,
	operation: Name,
	pauseMs: number,
	failed: () => void,
): Live<Output<Name>> {
	const [live, setLive] = useState<Live<Output<Name>>>({
		value: undefined,
		problem: undefined,
	});
	useEffect(() => {
		let timer: ReturnType<typeof setTimeout> | undefined;
		let ended = false;
		async function ask() {
			try {
				const value = await connection.query(operation);
				if (!ended) setLive({ value, problem: undefined });
			} catch (error) {
				if (ended) return;
				setLive(({ value }) => ({ value, problem: (error as Error).message }));
				failed();
			}
			if (!ended) timer = setTimeout(ask, pauseMs);
		}
		void ask();
		return () => {
			ended = true;
			clearTimeout(timer);
		};
	}, [connection, operation, pauseMs, failed]);
	return live;
}
