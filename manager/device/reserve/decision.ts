export interface ReserveSituation {
	exists: boolean;
	freeBytes: number;
	reserveBytes: number;
}

export type ReserveDecision = "keep" | "create" | "noRoom";

/**
 * Keeps an existing reserve, whatever its size: an admin who emptied it needs the space. Creates it
 * only if the same space again stays free, so that the reserve itself does not fill the disk.
 */
export function decideReserve(situation: ReserveSituation): ReserveDecision {
	if (situation.exists) return "keep";
	return situation.freeBytes >= 2 * situation.reserveBytes
		? "create"
		: "noRoom";
}
