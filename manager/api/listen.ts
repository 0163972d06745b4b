import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { FastifyInstance } from "fastify";
import type { ListenAddress } from "../environment/environment.ts";
import { makeDirectory } from "../shared/make-directory.ts";

const run = promisify(execFile);

/**
 * Opens the listener.
 * @returns its address.
 * @throws Error if another manager already listens there.
 */
export async function listen(
	server: FastifyInstance,
	address: ListenAddress,
): Promise<string> {
	if (address.kind === "loopback")
		return server.listen({ host: "127.0.0.1", port: address.port });

	const { path, group } = address;
	await makeDirectory(dirname(path));
	await removeStaleSocket(path);
	// Accessible to nobody else at first, then to the web server's group.
	const umask = process.umask(0o177);
	try {
		await server.listen({ path });
	} finally {
		process.umask(umask);
	}
	if (group !== "") {
		await run("chgrp", [group, path]);
		await chmod(path, 0o660);
	}
	return path;
}

/** A killed manager leaves its socket behind. */
async function removeStaleSocket(path: string): Promise<void> {
	const probe = connect(path);
	const answered = await once(probe, "connect").then(
		() => true,
		() => false,
	);
	probe.destroy();
	if (answered) throw new Error(`Another manager listens on ${path}`);
	await rm(path, { force: true });
}
