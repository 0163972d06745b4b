/** What is known before the reserve is made. */
export interface ReserveSituation {
	exists: boolean;
	freeBytes: number;
	reserveBytes: number;
}

export type ReserveDecision = "leave" | "make" | "noRoom";

/**
 * A reserve that is there is left alone, whatever its size: an admin who emptied it needs
 * the space. It is made only where as much again stays free, so that the system is not
 * pushed into the trouble that the reserve is there for.
 */
export function decideReserve(situation: ReserveSituation): ReserveDecision {
	if (situation.exists) return "leave";
	return situation.freeBytes >= 2 * situation.reserveBytes ? "make" : "noRoom";
}
