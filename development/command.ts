import { once } from "node:events";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { prepareHost } from "../pipeline/host.ts";
import { developApp } from "./app-loop.ts";
import { Platform } from "./platform.ts";

/** `npm run manager`: see docs/developing.md. */
const options = new Command("npm run manager --")
	.description(
		"Runs the platform on this machine, without an image and without root: the manager, its web server, its database and a store with the example apps",
	)
	.option("--port <number>", "port of HTTPS on localhost", parsePort, 8443)
	.option("--data <folder>", "keep everything there for the next start")
	.option(
		"--app <folder>",
		"build and install this app, and again whenever a file of it changes; MANAGER_PASSWORD has the manager's password, once it was changed",
	)
	.parse()
	.opts<{ port: number; data?: string; app?: string }>();

/** Of a manager that has none. */
const firstPassword = "pwd";

main().catch((error) => {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
});

async function main(): Promise<void> {
	const { port, data, app } = options;
	prepareHost(["manager"]);
	await refuseUsedPort(port);
	const stopWanted = new Promise<void>((resolve) => {
		process.on("SIGINT", resolve).on("SIGTERM", resolve);
	});
	console.log(
		"Starting PostgreSQL, the web server and the manager. Apps will run as the user who started this.",
	);
	const platform = await Platform.start(port, data && fromHere(data));
	try {
		console.log(
			`\n  ${platform.address}/manager/   password: ${firstPassword}${data ? ", until it is changed" : ""}   Ctrl-C ends it\n`,
		);
		if (app) {
			const password = process.env.MANAGER_PASSWORD ?? firstPassword;
			const developed = developApp(platform, fromHere(app), password);
			await Promise.race([developed, stopWanted]);
		}
		await Promise.race([stopWanted, platform.ended]);
	} finally {
		process.exitCode = await platform.stop();
	}
	process.exit();
}

/** Where the command was typed, which npm leaves. */
function fromHere(folder: string): string {
	return resolve(process.env.INIT_CWD ?? "", folder);
}

/** HAProxy would say it in other words, and late. */
async function refuseUsedPort(port: number): Promise<void> {
	const server = createServer().listen(port, "127.0.0.1");
	await once(server, "listening").catch((error: NodeJS.ErrnoException) => {
		throw new Error(
			error.code === "EACCES"
				? `Port ${port} is for root alone: choose one from 1024 on (--port)`
				: `Port ${port} is in use: choose another (--port)`,
		);
	});
	server.close();
}

function parsePort(text: string): number {
	const port = Number(text);
	if (!Number.isInteger(port) || port < 1 || port > 65_535)
		throw new InvalidArgumentError("A port is a number from 1 to 65535.");
	return port;
}
