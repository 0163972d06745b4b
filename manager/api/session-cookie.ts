import type { FastifyReply, FastifyRequest } from "fastify";
import type { Login } from "../access/login/login.ts";
import { maxSessionMs } from "../access/login/sessions.ts";
import type { Caller } from "../operations/caller.ts";
import { knownBrowser } from "./browser-cookie.ts";

export const sessionCookie = "manager-session";

/** The path keeps the browser from sending the cookie to apps, which are on the same host. */
const cookieOptions = {
	path: "/manager",
	httpOnly: true,
	secure: true,
	sameSite: "strict",
} as const;

export function sessionToken(request: FastifyRequest): string | undefined {
	return request.cookies[sessionCookie];
}

/** @returns the caller of an HTTP request. */
export function httpCaller(
	request: FastifyRequest,
	reply: FastifyReply,
	login: Login,
): Caller {
	const address: string | undefined = request.ip;
	const { token } = request;
	return {
		...knownBrowser(request, reply),
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
					maxAge: maxSessionMs / 1000,
				});
		},
	};
}
