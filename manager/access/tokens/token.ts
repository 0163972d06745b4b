/** What a script shows instead of a password. */
export interface Token {
	id: number;
	name: string;
	scopes: string[];
	/** Null: it does not expire. */
	expiresAt: Date | null;
}
