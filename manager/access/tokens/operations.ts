import * as z from "zod";
import { defineOperation, type TokenUse } from "../../operations/operation.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { wideScopes } from "./scopes.ts";
import type { Tokens } from "./tokens.ts";

const nothing = z.strictObject({});
const id = z.int().min(1);

const newToken = z.strictObject({
	/** What the token is for. */
	name: z.string().trim().min(1).max(100),
	/** `read`, `administer`, or names of operations. */
	scopes: z.array(z.string()).min(1).max(50),
	/** Without it, the token never expires. */
	expiresAt: z.iso.datetime().optional(),
});

const tokenStatus = z.object({
	id,
	name: z.string(),
	scopes: z.array(z.string()),
	createdAt: z.iso.datetime(),
	/** To the minute. */
	lastUsedAt: z.iso.datetime().nullable(),
	expiresAt: z.iso.datetime().nullable(),
});
const tokenList = z.object({ tokens: z.array(tokenStatus) });
export type TokenList = z.output<typeof tokenList>;

/** @param tokenUse returns which tokens may call an operation. */
export function tokenOperations(
	tokens: Tokens,
	tokenUse: (name: string) => TokenUse | undefined,
) {
	return [
		defineOperation({
			name: "tokenList",
			summary: "Returns the tokens with which scripts use this API",
			permission: "administrator",
			tokens: "never",
			input: nothing,
			output: tokenList,
			handle: async () => ({
				tokens: (await tokens.all()).map((token) => ({
					...token,
					createdAt: token.createdAt.toISOString(),
					lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
					expiresAt: token.expiresAt?.toISOString() ?? null,
				})),
			}),
		}),
		defineOperation({
			name: "tokenCreate",
			summary: "Creates a token for a script; it cannot be shown again",
			permission: "administrator",
			tokens: "never",
			input: newToken,
			output: z.object({ id, token: z.string() }),
			handle({ name, scopes, expiresAt }, { session }) {
				// The token would outlive the default password, whoever created it.
				if (session?.usedDefaultPassword)
					throw new OperationError(
						"conflict",
						"defaultPassword",
						"Change the default password before creating tokens.",
					);
				for (const scope of scopes) checkScope(scope, tokenUse);
				const expiry = expiresAt === undefined ? null : new Date(expiresAt);
				if (expiry && expiry.getTime() <= Date.now())
					throw new OperationError(
						"invalid",
						"expired",
						"The expiry time is in the past.",
					);
				return tokens.create({ name, scopes, expiresAt: expiry });
			},
		}),
		defineOperation({
			name: "tokenRevoke",
			summary: "Revokes a token and disconnects its WebSockets",
			permission: "administrator",
			tokens: "never",
			input: z.strictObject({ id }),
			output: nothing,
			async handle(input) {
				await tokens.revoke(input.id);
				return {};
			},
		}),
	];
}

/** @throws OperationError if the scope does not exist or is not available to tokens. */
function checkScope(
	scope: string,
	tokenUse: (name: string) => TokenUse | undefined,
): void {
	if ((wideScopes as readonly string[]).includes(scope)) return;
	const use = tokenUse(scope);
	if (use === undefined || use === "never")
		throw new OperationError(
			"invalid",
			"noSuchScope",
			`"${scope}" is neither ${wideScopes.join(" nor ")} nor an operation that tokens may call`,
		);
}
