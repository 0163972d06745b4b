import {
	type ChildProcess,
	type SpawnOptions,
	spawn,
} from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { text } from "node:stream/consumers";

/**
 * The commands that the manager, which is not root, runs as root. Each checks its arguments itself: see
 * docs/security.md. Nothing else in the manager gets root's rights.
 */
const directory = "/usr/lib/app-platform/root/";

/** On which the service root-commands waits. */
const socket = "/run/root-commands/socket";

/** Why a command of root has failed. */
export class RootCommandError extends Error {
	/** Undefined if the command could not be started. */
	readonly exitCode: number | undefined;

	constructor(message: string, exitCode?: number, cause?: unknown) {
		super(message, { cause });
		this.exitCode = exitCode;
	}
}

/** Returns the path of a command of root. */
export function rootCommand(name: string): string {
	return directory + name;
}

/**
 * Starts a command, as root if it is one of root's. Others, on a developer's machine and in tests, run as they are.
 * One of root's gets the standard files of this process, but nothing of its environment. Killing the process ends the
 * connection, and the command gets SIGTERM.
 */
export function spawnRootCommand(
	command: string,
	args: readonly string[],
	options: SpawnOptions,
): ChildProcess {
	return command.startsWith(directory)
		? spawn(
				"s6-sudo",
				["-e", socket, command.slice(directory.length), ...args],
				options,
			)
		: spawn(command, args, options);
}

/**
 * Runs a command to its end.
 * @param input for its standard input: a text, or the path of a file.
 * @returns its standard output.
 * @throws RootCommandError with its error output.
 */
export async function runRootCommand(
	command: string,
	args: readonly string[],
	input: { text?: string; file?: string } = {},
): Promise<string> {
	const file = input.file === undefined ? undefined : await open(input.file);
	try {
		const child = spawnRootCommand(command, args, {
			stdio: [file?.fd ?? "pipe", "pipe", "pipe"],
		});
		child.stdin?.on("error", () => {}); // The exit code tells.
		child.stdin?.end(input.text);
		const { stdout, stderr } = child;
		const [output, errors, [exitCode]] = await Promise.all([
			stdout ? text(stdout) : "",
			stderr ? text(stderr) : "",
			once(child, "close") as Promise<[number | null]>,
		]);
		if (exitCode === 0) return output;
		throw new RootCommandError(
			errors.trim() || `${command} ${args[0] ?? ""} failed`,
			exitCode ?? undefined,
		);
	} catch (error) {
		if (error instanceof RootCommandError) throw error;
		throw new RootCommandError(
			`${command} cannot be started: ${(error as Error).message}`,
			undefined,
			error,
		);
	} finally {
		await file?.close();
	}
}
