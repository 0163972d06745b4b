import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { UpdateError } from "./update-error.ts";

const run = promisify(execFile);
/** The command's exit status for a system that can never fit. */
const systemTooLargeStatus = 3;

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
		const values = await this.#values("show");
		return {
			slot: values.get("SLOT") ?? "",
			update: values.get("UPDATE") ?? "none",
		};
	}

	/** Empties the unused slot and makes it writable. */
	async open(slot: string): Promise<{ directory: string; freeBytes: number }> {
		const values = await this.#values("open", slot);
		return {
			directory: values.get("FOLDER") ?? "",
			freeBytes: Number(values.get("FREE")),
		};
	}

	/** Deletes the slot's files and cancels their installation. */
	async discard(slot: string): Promise<void> {
		await this.#run("discard", slot);
	}

	/** Makes the partition read-only. */
	async close(): Promise<void> {
		await this.#run("close");
	}

	/** Verifies the slot; the next start installs it. */
	async stage(slot: string): Promise<void> {
		await this.#run("stage", slot);
	}

	/** Cancels the installation at the next start. */
	async cancel(): Promise<void> {
		await this.#run("cancel");
	}

	/** Confirms the trial boot of a new system, if there is one. */
	async confirm(): Promise<void> {
		await this.#run("confirm");
	}

	async #values(...args: string[]): Promise<Map<string, string>> {
		const lines = (await this.#run(...args)).split("\n");
		return new Map(
			lines.flatMap((line) => {
				const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
				return name === undefined ? [] : [[name, value ?? ""]];
			}),
		);
	}

	async #run(...args: string[]): Promise<string> {
		try {
			return (await run(this.#command, args)).stdout;
		} catch (error) {
			const { stderr, code } = error as { stderr?: string; code?: number };
			throw new UpdateError(
				code === systemTooLargeStatus ? "systemTooLarge" : "bootPartition",
				stderr?.trim() || `${this.#command} ${args[0]} failed`,
				{ cause: error },
			);
		}
	}
}
