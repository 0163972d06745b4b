import type { FastifyInstance } from "fastify";

declare module "fastify" {
	interface FastifyContextConfig {
		/** Its body may take as long as it likes, as long as it keeps coming. */
		isStream?: boolean;
	}
}

export interface RequestLimits {
	/** For a request to arrive as a whole. */
	requestMs: number;
	/** Without a byte, for one that is a stream. */
	stallMs: number;
}

/** Disconnects clients that keep a request from ending: each takes memory and a connection. */
export function limitRequests(
	server: FastifyInstance,
	{ requestMs, stallMs }: RequestLimits,
): void {
	server.server.headersTimeout = requestMs;
	server.addHook("onRequest", async (request) => {
		const { raw } = request;
		if (raw.complete || request.ws) return;
		const { isStream } = request.routeOptions.config;
		let readBytes = raw.socket.bytesRead;
		const timer = setInterval(
			() => {
				const hasMoved = raw.socket.bytesRead > readBytes;
				readBytes = raw.socket.bytesRead;
				if (raw.complete || raw.socket.destroyed) clearInterval(timer);
				else if (!isStream || !hasMoved) raw.socket.destroy();
			},
			isStream ? stallMs : requestMs,
		);
		timer.unref();
		// It also closes when it is answered before it has come, and then comes nevertheless.
		raw.once("close", () => {
			if (raw.complete) clearInterval(timer);
		});
	});
}

/**
 * Asks for the body of a request that expects that (`Expect: 100-continue`, as curl does with
 * larger files) once it is not refused: otherwise Node would ask for it at once.
 */
export function continueUnlessRefused(server: FastifyInstance): void {
	server.server.on("checkContinue", (request, response) =>
		server.routing(request, response),
	);
	server.addHook("preParsing", async ({ raw }, reply) => {
		if (raw.headers.expect !== undefined) reply.raw.writeContinue();
	});
}
