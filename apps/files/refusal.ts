/** Ends a request with a status of WebDAV, and a word for programs (RFC 4918, 16). */
export class Refusal extends Error {
	readonly status: number;
	/** An element of DAV: that says which rule was broken. */
	readonly condition: string | undefined;
	/** Where it was broken. */
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
