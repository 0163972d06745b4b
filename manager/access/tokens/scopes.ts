import type { Operation } from "../../operations/operation.ts";

/** Groups of operations; any other scope is the name of a single operation. */
export const wideScopes = ["read", "administer"] as const;

/** Whether a token with these scopes may call an operation. */
export function mayCall(
	scopes: readonly string[],
	{ name, tokens }: Pick<Operation, "name" | "tokens">,
): boolean {
	if (tokens === "never") return false;
	if (scopes.includes(name)) return true;
	if (tokens === "byName") return false;
	if (scopes.includes("administer")) return true;
	return tokens === "read" && scopes.includes("read");
}
