/** Ends a request with a WebDAV status, and a condition code for programs (RFC 4918, 16). */
export class DavError extends Error {
	readonly status: number;
	/** An element of DAV: that names the violated condition. */
	readonly condition: string | undefined;
	/** The resource that violates it. */
	readonly href: string | undefined;

	constructor(
		status: number,
		message: string,
		condition?: string,
		href?: string,
	) {
		super(message);
		this.status = status;
		this.condition = condition;
		this.href = href;
	}
}
