import { once } from "node:events";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { prepareHost } from "../pipeline/host.ts";
import { developApp } from "./develop-app.ts";
import { Platform } from "./platform.ts";

/** `npm run manager`: see docs/developing.md. */
const options = new Command("npm run manager --")
	.description(
		"Runs the platform on this machine, without an image and without root: the manager, its web server, its database and a store with the example apps",
	)
	.option(
		"--port <number>",
		"HTTPS port of the apps on localhost; the manager has the next one",
		parsePort,
		8442,
	)
	.option("--data <directory>", "keep all data there for the next start")
	.option(
		"--app <directory>",
		"build and install this app, and again whenever a file of it changes; set MANAGER_PASSWORD if the manager's password was changed",
	)
	.parse()
	.opts<{ port: number; data?: string; app?: string }>();

/** The default password of the manager. */
const defaultPassword = "pwd";

main().catch((error) => {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
});

async function main(): Promise<void> {
	const { port, data, app } = options;
	prepareHost(["manager"]);
	const managerPort = port + 1;
	await assertPortFree(port);
	await assertPortFree(managerPort);
	const stopRequested = new Promise<void>((resolve) => {
		process.on("SIGINT", resolve).on("SIGTERM", resolve);
	});
	console.log(
		"Starting PostgreSQL, the web server and the manager. Apps run as the current user.",
	);
	const platform = await Platform.start(
		port,
		managerPort,
		data && fromCallerDirectory(data),
	);
	try {
		console.log(
			`\n  ${platform.managerAddress}/manager/   password: ${defaultPassword}${data ? " (unless changed)" : ""}   Press Ctrl-C to stop\n`,
		);
		if (app) {
			const password = process.env.MANAGER_PASSWORD ?? defaultPassword;
			const developed = developApp(
				platform,
				fromCallerDirectory(app),
				password,
			);
			await Promise.race([developed, stopRequested]);
		}
		await Promise.race([stopRequested, platform.exited]);
	} finally {
		process.exitCode = await platform.stop();
	}
	process.exit();
}

/** Resolves a path relative to the directory from which npm was called: npm changes it. */
function fromCallerDirectory(path: string): string {
	return resolve(process.env.INIT_CWD ?? "", path);
}

/** Checks the port first: HAProxy's own message is late and less clear. */
async function assertPortFree(port: number): Promise<void> {
	const server = createServer().listen(port, "127.0.0.1");
	await once(server, "listening").catch((error: NodeJS.ErrnoException) => {
		throw new Error(
			error.code === "EACCES"
				? `Port ${port} needs root: choose a port from 1024 on (--port)`
				: `Port ${port} is in use: choose another (--port)`,
		);
	});
	server.close();
}

function parsePort(text: string): number {
	const port = Number(text);
	if (!Number.isInteger(port) || port < 1 || port > 65_534)
		throw new InvalidArgumentError("Enter a number from 1 to 65534.");
	return port;
}
