import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, fetch } from "undici";
import { atExit } from "../machine/cleanup.ts";

/**
 * Runs commands in a shell of this host, as somebody types them in a folder, until the first that fails.
 * @param signal ends them, and everything they have started.
 * @returns what they print to their standard output.
 */
export async function typedAtHost(
	folder: string,
	commands: readonly string[],
	{ signal }: { signal?: AbortSignal } = {},
): Promise<string> {
	const shell = spawn("bash", ["-ec", commands.join("\n")], {
		cwd: folder,
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

/** A page that has these words; undefined where it has not. */
export async function pageWith(
	url: string,
	words: string,
): Promise<string | undefined> {
	const response = await fetch(url, {
		dispatcher: anyCertificate,
		signal: AbortSignal.timeout(5_000),
	});
	const html = await response.text();
	return response.status === 200 && html.includes(words) ? html : undefined;
}
