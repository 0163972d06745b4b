import type { FastifyInstance } from "fastify";
import { OperationError } from "../../../shared/operation-error.ts";

/** The authority chooses the tokens: only plain ones become part of a path. */
const plainToken = /^[\w-]{1,100}$/;

/** The path of RFC 8555, section 8.3. Authorities request it by each name that they validate. */
export const challengePath = "/.well-known/acme-challenge/";

/** The answers to the authority's challenges while an order is in progress. */
export class Challenges {
	readonly #answers = new Map<string, string>();

	/** @throws Error if the token is invalid. */
	set(token: string, answer: string): void {
		if (!plainToken.test(token))
			throw new Error("The token of the challenge is invalid");
		this.#answers.set(token, answer);
	}

	get(token: string): string | undefined {
		return this.#answers.get(token);
	}

	delete(token: string): void {
		this.#answers.delete(token);
	}
}

/** Serves the answers; authorities request them over HTTP on port 80. */
export function serveChallenges(
	server: FastifyInstance,
	challenges: Challenges,
): void {
	server.get<{ Params: { token: string } }>(
		`${challengePath}:token`,
		(request, reply) => {
			const answer = challenges.get(request.params.token);
			if (answer === undefined)
				throw new OperationError(
					"notFound",
					"unknownToken",
					"There is no such challenge",
				);
			return reply.type("application/octet-stream").send(answer);
		},
	);
}
