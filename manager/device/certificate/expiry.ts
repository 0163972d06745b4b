export const dayMs = 24 * 60 * 60 * 1000;
const warningDays = 30;

/** Whole days that are left, 0 on the last one; negative when it is over. */
export function daysLeft(validUntil: Date, now: Date): number {
	return Math.floor((validUntil.getTime() - now.getTime()) / dayMs);
}

/** What to say about a certificate's end, from 30 days before; undefined where nothing. */
export function expiryWarning(validUntil: Date, now: Date): string | undefined {
	const days = daysLeft(validUntil, now);
	const date = validUntil.toISOString().slice(0, 10);
	if (days < 0) return `The web server's certificate expired on ${date}.`;
	if (days >= warningDays) return undefined;
	const left =
		days === 0 ? "today" : `in ${days} ${days === 1 ? "day" : "days"}`;
	return `The web server's certificate expires ${left}, on ${date}.`;
}
