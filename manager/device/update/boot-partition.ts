import {
	type RootCommandError,
	runRootCommand,
} from "../../shared/root-command.ts";
import { UpdateError, type UpdateErrorCode } from "./update-error.ts";

/** The command's exit statuses for a system that can never fit, and for a boot partition without room for it. */
const codes: Readonly<Record<number, UpdateErrorCode>> = {
	3: "systemTooLarge",
	4: "tooLarge",
};

/**
 * Runs the image's command for the boot partition; its first comment documents the arguments.
 * Each method throws an UpdateError with the command's error output.
 */
export class BootPartition {
	readonly #command: string;

	constructor(command: string) {
		this.#command = command;
	}

	async state(): Promise<{ slot: string; update: string }> {
		const lines = (await this.#run(["show"])).split("\n");
		const values = new Map(
			lines.flatMap((line) => {
				const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
				return name === undefined ? [] : [[name, value ?? ""]];
			}),
		);
		return {
			slot: values.get("SLOT") ?? "",
			update: values.get("UPDATE") ?? "none",
		};
	}

	/** Writes an update file into the unused slot and verifies it; the next start installs it. */
	async stage(slot: string, file: string): Promise<void> {
		await this.#run(["stage", slot], file);
	}

	/** Cancels the installation at the next start. */
	async cancel(): Promise<void> {
		await this.#run(["cancel"]);
	}

	/** Confirms the trial boot of a new system, if there is one. */
	async confirm(): Promise<void> {
		await this.#run(["confirm"]);
	}

	async #run(args: readonly string[], file?: string): Promise<string> {
		try {
			return await runRootCommand(this.#command, args, file ? { file } : {});
		} catch (error) {
			const { message, exitCode = 0 } = error as RootCommandError;
			const code = codes[exitCode] ?? "bootPartition";
			throw new UpdateError(code, message, { cause: error });
		}
	}
}
