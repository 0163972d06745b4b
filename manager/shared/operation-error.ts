/** Why an operation does not do what it was asked for. */
export type ErrorKind =
	/** The input is wrong. */
	| "invalid"
	/** The caller is unknown. */
	| "unauthenticated"
	/** The caller is known and may not do it. */
	| "forbidden"
	| "notFound"
	/** The input is fine; the present state does not allow it. */
	| "conflict"
	| "tooManyAttempts"
	/** There is no room on the disk. */
	| "noRoom"
	/** Something on this device failed. */
	| "failed"
	/** Another server failed. */
	| "upstream";

/** A failure that the caller is told in words; any other error is an internal one. */
export class OperationError extends Error {
	readonly kind: ErrorKind;
	/** For programs, in camel case. */
	readonly code: string;
	readonly retryAfterSeconds: number | undefined;

	constructor(
		kind: ErrorKind,
		code: string,
		message: string,
		options: ErrorOptions & { retryAfterSeconds?: number } = {},
	) {
		super(message, options);
		this.kind = kind;
		this.code = code;
		this.retryAfterSeconds = options.retryAfterSeconds;
	}
}
