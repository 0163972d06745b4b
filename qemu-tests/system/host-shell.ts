import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, fetch } from "undici";
import { atExit } from "../machine/cleanup.ts";

/**
 * Runs commands in a shell of this host, in a directory, until one fails.
 * @param signal kills them and everything they have started.
 * @returns their standard output.
 */
export async function runOnHost(
	directory: string,
	commands: readonly string[],
	{ signal }: { signal?: AbortSignal } = {},
): Promise<string> {
	const shell = spawn("bash", ["-ec", commands.join("\n")], {
		cwd: directory,
		detached: true,
		stdio: ["ignore", "pipe", "pipe"],
	});
	const end = () => {
		if (shell.pid !== undefined && shell.exitCode === null)
			process.kill(-shell.pid, "SIGKILL");
	};
	const forget = atExit(end);
	signal?.addEventListener("abort", end);
	let output = "";
	let messages = "";
	shell.stdout.on("data", (chunk: Buffer) => {
		output += chunk.toString("utf8");
	});
	shell.stderr.on("data", (chunk: Buffer) => {
		messages += chunk.toString("utf8");
	});
	const [exitCode] = await once(shell, "close");
	forget();
	if (exitCode !== 0)
		throw new Error(`The shell ended with ${exitCode}: ${messages}`);
	return output;
}

const anyCertificate = new Agent({ connect: { rejectUnauthorized: false } });

/** Returns a page if it contains this text, otherwise undefined. */
export async function pageWith(
	url: string,
	text: string,
): Promise<string | undefined> {
	const response = await fetch(url, {
		dispatcher: anyCertificate,
		signal: AbortSignal.timeout(5_000),
	});
	const html = await response.text();
	return response.status === 200 && html.includes(text) ? html : undefined;
}
