import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { OperationError } from "../../shared/operation-error.ts";

const run = promisify(execFile);
const timeoutMs = 30_000;

/**
 * Sets the password of root and admin without showing it on a command line.
 * @throws OperationError with the command's error output.
 */
export async function setSystemPasswords(
	command: string,
	password: string,
): Promise<void> {
	const running = run(command, { timeout: timeoutMs });
	running.child.stdin?.on("error", () => {}); // The exit code tells.
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
