import { useEffect, useState } from "preact/hooks";
import type { Output, QueryName } from "./api.ts";
import type { Connection } from "./connection.ts";

export interface Live<Value> {
	/** The last output; stays while there is no newer one. */
	value: Value | undefined;
	/** Why there is no newer one. */
	problem: string | undefined;
}

/**
 * Subscribes to an operation's output.
 * @param onFailure called at each failure, also when the connection is lost.
 */
export function useLive<Name extends QueryName>(
	connection: Connection,
	operation: Name,
	onFailure: () => void,
): Live<Output<Name>> {
	const [live, setLive] = useState<Live<Output<Name>>>({
		value: undefined,
		problem: undefined,
	});
	useEffect(
		() =>
			connection.subscribe(
				operation,
				(value) => setLive({ value, problem: undefined }),
				({ message }) => {
					setLive(({ value }) => ({ value, problem: message }));
					onFailure();
				},
			),
		[connection, operation, onFailure],
	);
	return live;
}
