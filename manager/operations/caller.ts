/** A browser that has logged in. */
export interface Session {
	/** It began with the default password. */
	readonly usedDefaultPassword: boolean;
	readonly startedAtMs: number;
	lastUsedAtMs: number;
}

/** What a script presents instead of a password. */
export interface Token {
	id: number;
	name: string;
	scopes: string[];
	/** Null: it does not expire. */
	expiresAt: Date | null;
}

/** Who calls an operation, and what can be done for the caller's browser. */
export interface Caller {
	/** IP address; undefined where the web server gave none. */
	address: string | undefined;
	session: Session | undefined;
	/** A caller with a token has no session. */
	token: Token | undefined;
	/** Makes the browser keep a session's token, or forget it. Only an HTTP response can. */
	keepToken(token: string | undefined): void;
}
