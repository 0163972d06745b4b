import type { FastifyReply, FastifyRequest } from "fastify";
import type { Login } from "../access/login/login.ts";
import { maxSessionMs } from "../access/login/sessions.ts";
import type { Caller, Session } from "../operations/caller.ts";
import { OperationError } from "../shared/operation-error.ts";
import { knownBrowser } from "./browser-cookie.ts";
import type { ManagerOrigin } from "./manager-origin.ts";

export const sessionCookie = "manager-session";

/** The path keeps the browser from sending the cookie to apps: all ports of a host share cookies. */
const cookieOptions = {
	path: "/manager",
	httpOnly: true,
	secure: true,
	sameSite: "strict",
} as const;

/** The sessions of browsers, which exist only at the manager's origin. */
export class BrowserSessions {
	readonly #login: Login;
	readonly #origin: ManagerOrigin;

	constructor(login: Login, origin: ManagerOrigin) {
		this.#login = login;
		this.#origin = origin;
	}

	/** @returns the session of a request from the manager's own pages. */
	find(request: FastifyRequest): Session | undefined {
		if (!this.#origin.isOwn(request) || !isFromSameOrigin(request))
			return undefined;
		// Pages of apps can set cookies of this name for the host, also with paths that come first.
		for (const token of cookieValues(request.headers.cookie, sessionCookie)) {
			const session = this.#login.findSession(token, request.ip);
			if (session) return session;
		}
		return undefined;
	}

	/** @returns the caller of an HTTP request. */
	caller(request: FastifyRequest, reply: FastifyReply): Caller {
		const { token } = request;
		return {
			...knownBrowser(request, reply),
			address: request.ip,
			token,
			session: token ? undefined : this.find(request),
			keepToken: (token) => {
				this.assertAllowed(request);
				if (token === undefined)
					reply.clearCookie(sessionCookie, cookieOptions);
				else
					reply.setCookie(sessionCookie, token, {
						...cookieOptions,
						maxAge: maxSessionMs / 1000,
					});
			},
		};
	}

	/** @throws OperationError outside the manager's origin. */
	assertAllowed(request: FastifyRequest): void {
		if (!this.#origin.isOwn(request))
			throw new OperationError(
				"forbidden",
				"wrongAddress",
				`Log in at ${this.#origin.pageUrl(request)} instead: pages of apps could use a session at this address.`,
			);
	}
}

/** Current browsers say from where a request comes; a page of an app is on the same site, but not of the same origin. */
function isFromSameOrigin({ headers }: FastifyRequest): boolean {
	const site = headers["sec-fetch-site"];
	return site === undefined || site === "same-origin";
}

/** Returns all values of a cookie; libraries return only the first. */
function cookieValues(header: string | undefined, name: string): string[] {
	return (header ?? "").split(";").flatMap((text) => {
		const pair = text.trim();
		return pair.startsWith(`${name}=`) ? [pair.slice(name.length + 1)] : [];
	});
}
