import type { FastifyInstance } from "fastify";

declare module "fastify" {
	interface FastifyContextConfig {
		/** The body may take any time to arrive, as long as it does not stall. */
		isStream?: boolean;
	}
}

export interface RequestLimits {
	/** For the complete request to arrive. */
	requestTimeoutMs: number;
	/** Without a received byte, for a stream. */
	stallTimeoutMs: number;
}

/** Disconnects clients that never complete a request: each occupies memory and a connection. */
export function limitRequests(
	server: FastifyInstance,
	{ requestTimeoutMs, stallTimeoutMs }: RequestLimits,
): void {
	server.server.headersTimeout = requestTimeoutMs;
	server.addHook("onRequest", async (request) => {
		const { raw } = request;
		if (raw.complete || request.ws) return;
		const { isStream } = request.routeOptions.config;
		let readBytes = raw.socket.bytesRead;
		const timer = setInterval(
			() => {
				const hasProgress = raw.socket.bytesRead > readBytes;
				readBytes = raw.socket.bytesRead;
				if (raw.complete || raw.socket.destroyed) clearInterval(timer);
				else if (!isStream || !hasProgress) raw.socket.destroy();
			},
			isStream ? stallTimeoutMs : requestTimeoutMs,
		);
		timer.unref();
		// Also emitted when the answer is sent before the body is complete, which then still arrives.
		raw.once("close", () => {
			if (raw.complete) clearInterval(timer);
		});
	});
}

/**
 * Sends `100 Continue` to a request that expects it (curl sends `Expect: 100-continue` with
 * larger files) only if the request is not refused. By default Node sends it immediately.
 */
export function continueUnlessRefused(server: FastifyInstance): void {
	server.server.on("checkContinue", (request, response) =>
		server.routing(request, response),
	);
	server.addHook("preParsing", async ({ raw }, reply) => {
		if (raw.headers.expect !== undefined) reply.raw.writeContinue();
	});
}
