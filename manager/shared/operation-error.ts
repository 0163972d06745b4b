/** Why an operation fails. */
export type ErrorKind =
	/** The input is wrong. */
	| "invalid"
	/** The caller is not logged in and has no valid token. */
	| "unauthenticated"
	/** The caller has no permission. */
	| "forbidden"
	| "notFound"
	/** The input is valid, but the current state does not allow the operation. */
	| "conflict"
	| "tooManyAttempts"
	/** The disk has too little free space. */
	| "noRoom"
	/** Something on this device failed. */
	| "failed"
	/** Another server failed. */
	| "upstream";

/** A failure whose message is for the caller; any other error is an internal one. */
export class OperationError extends Error {
	readonly kind: ErrorKind;
	/** Machine-readable, in camel case. */
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
