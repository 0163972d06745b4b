import { once } from "node:events";
import { chmod, chown, readFile, rm } from "node:fs/promises";
import { type AddressInfo, connect, type Server } from "node:net";
import { dirname } from "node:path";
import type { ListenAddress } from "../environment/listen-address.ts";
import { makeDirectory } from "../shared/make-directory.ts";

/**
 * Opens the listener.
 * @returns its address.
 * @throws Error if another manager already listens there.
 */
export async function listen(
	server: Server,
	address: ListenAddress,
): Promise<string> {
	if (address.kind === "loopback") {
		await once(server.listen(address.port, "127.0.0.1"), "listening");
		return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	}

	const { path, group } = address;
	await makeDirectory(dirname(path));
	await removeStaleSocket(path);
	// Accessible to nobody else at first, then to the web server's group.
	const umask = process.umask(0o177);
	try {
		await once(server.listen(path), "listening");
	} finally {
		process.umask(umask);
	}
	if (group !== "") {
		await chown(path, process.geteuid?.() ?? 0, await groupId(group));
		await chmod(path, 0o660);
	}
	return path;
}

/** Reads the file: `chgrp` would take longer than everything else here. */
async function groupId(group: string): Promise<number> {
	const lines = (await readFile("/etc/group", "utf8")).split("\n");
	const line = lines.find((line) => line.startsWith(`${group}:`));
	if (line === undefined) throw new Error(`There is no group ${group}`);
	return Number(line.split(":")[2]);
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
