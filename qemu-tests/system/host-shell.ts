import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, fetch } from "undici";
import { atExit } from "../machine/cleanup.ts";

/**
 * Runs commands in a shell of this host, as somebody types them in a folder, until the first that fails.
 * @param signal ends them, and everything they have started.
 * @returns what they print.
 */
export async function typedAtHost(
	folder: string,
	commands: readonly string[],
	{ signal }: { signal?: AbortSignal } = {},
): Promise<string> {
	const shell = spawn("bash", ["-ec", `exec 2>&1\n${commands.join("\n")}`], {
		cwd: folder,
		detached: true,
		stdio: ["ignore", "pipe", "inherit"],
	});
	const end = () => {
		if (shell.pid !== undefined && shell.exitCode === null)
			process.kill(-shell.pid, "SIGKILL");
	};
	const forget = atExit(end);
	signal?.addEventListener("abort", end);
	let shown = "";
	shell.stdout.on("data", (chunk: Buffer) => {
		shown += chunk.toString("utf8");
	});
	const [exitCode] = await once(shell, "close");
	forget();
	if (exitCode !== 0)
		throw new Error(`The shell ended with ${exitCode}: ${shown}`);
	return shown;
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
