import type { FastifyReply, FastifyRequest } from "fastify";
import type { Login } from "../access/login/login.ts";
import { longestSessionMs } from "../access/login/sessions.ts";
import type { Caller } from "../operations/caller.ts";

export const sessionCookie = "manager-session";

/** Apps are served by the same host: the path keeps the browser from sending them the cookie. */
const cookieOptions = {
	path: "/manager",
	httpOnly: true,
	secure: true,
	sameSite: "strict",
} as const;

export function sessionToken(request: FastifyRequest): string | undefined {
	return request.cookies[sessionCookie];
}

/** Who sent an HTTP request. */
export function httpCaller(
	request: FastifyRequest,
	reply: FastifyReply,
	login: Login,
): Caller {
	const address: string | undefined = request.ip;
	const { token } = request;
	return {
		address,
		token,
		session: token
			? undefined
			: login.findSession(sessionToken(request), address),
		keepToken(token) {
			if (token === undefined) reply.clearCookie(sessionCookie, cookieOptions);
			else
				reply.setCookie(sessionCookie, token, {
					...cookieOptions,
					maxAge: longestSessionMs / 1000,
				});
		},
	};
}
