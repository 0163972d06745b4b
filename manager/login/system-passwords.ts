import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const limitMs = 30_000;

/**
 * Gives root and admin a password, which no command line shows.
 * @throws Error where that failed.
 */
export async function setSystemPasswords(
	command: string,
	password: string,
): Promise<void> {
	const running = run(command, { timeout: limitMs });
	running.child.stdin?.on("error", () => {}); // Its exit code tells.
	running.child.stdin?.end(`${password}\n`);
	await running;
}
