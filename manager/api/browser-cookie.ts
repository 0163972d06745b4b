import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller } from "../operations/caller.ts";

const browserCookie = "manager-browser";
/** Browsers allow no more. */
const maxAgeSeconds = 400 * 24 * 60 * 60;

/** By this cookie a browser is known that has logged in before: it gives an allowance for wrong passwords, no more. */
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
