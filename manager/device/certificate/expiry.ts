export const dayMs = 24 * 60 * 60 * 1000;
const warningDays = 30;

/** Returns the number of whole days left: 0 on the last day, negative after the expiry. */
export function daysLeft(validUntil: Date, now: Date): number {
	return Math.floor((validUntil.getTime() - now.getTime()) / dayMs);
}

/** Returns a warning from 30 days before the certificate expires, undefined before. */
export function expiryWarning(validUntil: Date, now: Date): string | undefined {
	const days = daysLeft(validUntil, now);
	const date = validUntil.toISOString().slice(0, 10);
	if (days < 0) return `The web server's certificate expired on ${date}.`;
	if (days >= warningDays) return undefined;
	const left =
		days === 0 ? "today" : `in ${days} ${days === 1 ? "day" : "days"}`;
	return `The web server's certificate expires ${left}, on ${date}.`;
}
