import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Tokens } from "../access/tokens/tokens.ts";
import type { Token } from "../operations/caller.ts";

declare module "fastify" {
	interface FastifyRequest {
		/** Of who shows one that is right. */
		token: Token | undefined;
	}
}

/** @returns what the header Authorization has as a token, right or wrong. */
export function bearerToken({ headers }: FastifyRequest): string | undefined {
	return /^Bearer +(.+)$/i.exec(headers.authorization ?? "")?.[1];
}

/** Every request that shows a token is refused where that is wrong, whatever else it has. */
export function recognizeTokens(api: FastifyInstance, tokens: Tokens): void {
	api.decorateRequest("token", undefined);
	api.addHook("onRequest", async (request) => {
		const text = bearerToken(request);
		if (text !== undefined)
			request.token = await tokens.authenticate(text, request.ip);
	});
}
