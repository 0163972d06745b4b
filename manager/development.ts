import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { bundleManager } from "./bundle.ts";
import { startTemporaryCluster } from "./database/temporary-cluster.ts";

const options = new Command("npm run manager --")
	.description(
		"Runs the manager on this machine, with a PostgreSQL of its own that is gone afterwards",
	)
	.option("--port <number>", "port on 127.0.0.1", parsePort, 8080)
	.parse()
	.opts<{ port: number }>();

void main();

async function main(): Promise<void> {
	const stopWanted = new Promise((resolve) => {
		process.on("SIGINT", resolve).on("SIGTERM", resolve);
	});
	const directory = await mkdtemp(join(tmpdir(), "app-platform-manager-"));
	const cluster = await startTemporaryCluster();
	try {
		const outputFile = join(directory, "manager");
		await bundleManager({ outputFile, version: "development", build: 0 });
		// In a group of its own, so that Ctrl-C reaches it from here alone, before PostgreSQL.
		const manager = spawn(process.execPath, [outputFile], {
			stdio: "inherit",
			detached: true,
			env: {
				...process.env,
				MANAGER_PORT: String(options.port),
				MANAGER_DATA_DIRECTORY: directory,
				MANAGER_RESERVE_BYTES: String(1024 * 1024),
				PGHOST: cluster.host,
				PGUSER: cluster.user,
			},
		});
		const exited = once(manager, "exit");
		console.log(
			`\n  http://127.0.0.1:${options.port}/manager/   password: pwd   Ctrl-C ends it\n`,
		);
		await Promise.race([stopWanted, exited]);
		manager.kill("SIGTERM");
		await exited;
		process.exitCode = manager.exitCode ?? 1;
	} finally {
		await cluster.remove();
		await rm(directory, { recursive: true });
	}
}

function parsePort(text: string): number {
	const port = Number(text);
	if (!Number.isInteger(port) || port < 1 || port > 65_535)
		throw new InvalidArgumentError("A port is a number from 1 to 65535.");
	return port;
}
