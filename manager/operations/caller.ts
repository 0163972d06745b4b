/** The session of a logged-in browser. */
export interface Session {
	/** The login was with the default password. */
	readonly usedDefaultPassword: boolean;
	readonly startedAtMs: number;
	lastUsedAtMs: number;
}

/** An API token, with which a script authenticates. */
export interface Token {
	id: number;
	name: string;
	scopes: string[];
	/** Null if it never expires. */
	expiresAt: Date | null;
}

/** The caller of an operation. */
export interface Caller {
	/** IP address; undefined if the web server sent none. */
	address: string | undefined;
	session: Session | undefined;
	/** A caller with a token has no session. */
	token: Token | undefined;
	/** The token of the browser's cookie, if it has logged in before; not verified. */
	browser?: string | undefined;
	/** Sets or, without a token, clears the browser's session cookie. Works only over HTTP. */
	keepToken(token: string | undefined): void;
	/** Sets the cookie by which the browser is known at its next login. Works only over HTTP. */
	keepBrowser(token: string): void;
}
