import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller } from "../operations/caller.ts";

const browserCookie = "manager-browser";
/** The maximum of browsers. */
const maxAgeSeconds = 400 * 24 * 60 * 60;

/** By this cookie a browser is known that has logged in before: it gives only an allowance for wrong passwords. */
export function knownBrowser(
	request: FastifyRequest,
	reply: FastifyReply,
): Pick<Caller, "browser" | "keepBrowser"> {
	return {
		browser: request.cookies[browserCookie],
		keepBrowser: (token) =>
			void reply.setCookie(browserCookie, token, {
				path: "/manager",
				httpOnly: true,
				secure: true,
				sameSite: "strict",
				maxAge: maxAgeSeconds,
			}),
	};
}
