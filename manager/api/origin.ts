/**
 * Whether a request may come from a page of ours. Browsers name the page's origin with
 * each POST and each WebSocket; programs that are no browsers name none, and carry no
 * cookie that somebody else could abuse.
 * @param host the Host header.
 */
export function isOwnOrigin(
	origin: string | undefined,
	host: string | undefined,
): boolean {
	if (origin === undefined) return true;
	// A page without an origin of its own, such as a sandboxed frame, says "null".
	if (host === undefined || !URL.canParse(origin)) return false;
	return new URL(origin).host === host.toLowerCase();
}
