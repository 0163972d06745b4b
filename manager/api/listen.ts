import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { FastifyInstance } from "fastify";
import type { ListenAddress } from "../environment/environment.ts";
import { makeFolder } from "../shared/make-folder.ts";

const run = promisify(execFile);

/**
 * Opens the listener.
 * @returns where it listens.
 * @throws Error where another manager listens there already.
 */
export async function listen(
	server: FastifyInstance,
	address: ListenAddress,
): Promise<string> {
	if (address.kind === "loopback")
		return server.listen({ host: "127.0.0.1", port: address.port });

	const { path, group } = address;
	await makeFolder(dirname(path));
	await removeDeadSocket(path);
	// Nobody else from the first moment on; then the web server's group.
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

/** A manager that was killed leaves its socket behind. */
async function removeDeadSocket(path: string): Promise<void> {
	const probe = connect(path);
	const answered = await once(probe, "connect").then(
		() => true,
		() => false,
	);
	probe.destroy();
	if (answered) throw new Error(`Another manager listens on ${path}`);
	await rm(path, { force: true });
}
