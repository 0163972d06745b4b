import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Tokens } from "../access/tokens/tokens.ts";
import type { Token } from "../operations/caller.ts";

declare module "fastify" {
	interface FastifyRequest {
		/** The authenticated token. */
		token: Token | undefined;
	}
}

/** @returns the token of the Authorization header, not verified. */
export function bearerToken({ headers }: FastifyRequest): string | undefined {
	return /^Bearer +(.+)$/i.exec(headers.authorization ?? "")?.[1];
}

/** Refuses every request with a wrong token, even if it also has a valid session. */
export function authenticateTokens(api: FastifyInstance, tokens: Tokens): void {
	api.decorateRequest("token", undefined);
	api.addHook("onRequest", async (request) => {
		const text = bearerToken(request);
		if (text !== undefined)
			request.token = await tokens.authenticate(text, request.ip);
	});
}
