import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { OperationError } from "../../shared/operation-error.ts";

const run = promisify(execFile);
const limitMs = 30_000;

/**
 * Gives root and admin a password, which no command line shows.
 * @throws OperationError with the command's own words.
 */
export async function setSystemPasswords(
	command: string,
	password: string,
): Promise<void> {
	const running = run(command, { timeout: limitMs });
	running.child.stdin?.on("error", () => {}); // Its exit code tells.
	running.child.stdin?.end(`${password}\n`);
	await running.catch((error: { stderr?: string }) => {
		throw new OperationError(
			"failed",
			"passwordsNotSet",
			error.stderr?.trim() || "The passwords of root and admin cannot be set",
			{ cause: error },
		);
	});
}
