/**
 * Whether a request can come from the manager's own pages. Browsers send the page's origin
 * with each POST and each WebSocket. Other programs send no origin, but also no cookie that
 * another site could abuse.
 * @param host the Host header.
 */
export function isOwnOrigin(
	origin: string | undefined,
	host: string | undefined,
): boolean {
	if (origin === undefined) return true;
	// A page without an origin, such as a sandboxed frame, sends "null".
	if (host === undefined || !URL.canParse(origin)) return false;
	return new URL(origin).host === host.toLowerCase();
}
