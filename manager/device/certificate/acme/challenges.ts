import type { FastifyInstance } from "fastify";
import { OperationError } from "../../../shared/operation-error.ts";

/** Tokens are chosen by the authority: nothing else gets into a path. */
const plainToken = /^[\w-]{1,100}$/;

/** What authorities that check our names are answered while an order is under way. */
export class Challenges {
	readonly #answers = new Map<string, string>();

	/** @throws Error where the token is none. */
	set(token: string, answer: string): void {
		if (!plainToken.test(token)) throw new Error("The challenge has no token");
		this.#answers.set(token, answer);
	}

	get(token: string): string | undefined {
		return this.#answers.get(token);
	}

	delete(token: string): void {
		this.#answers.delete(token);
	}
}

/** RFC 8555, section 8.3: asked over plain HTTP on port 80. */
export function serveChallenges(
	server: FastifyInstance,
	challenges: Challenges,
): void {
	server.get<{ Params: { token: string } }>(
		"/.well-known/acme-challenge/:token",
		(request, reply) => {
			const answer = challenges.get(request.params.token);
			if (answer === undefined)
				throw new OperationError(
					"notFound",
					"unknownToken",
					"No such challenge",
				);
			return reply.type("application/octet-stream").send(answer);
		},
	);
}
