import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { UpdateRefused } from "./refused.ts";

const run = promisify(execFile);
/** The command's exit status for a set that no attempt makes fit. */
const tooLarge = 3;

/** The image's command for the boot partition; see its head for what the words mean. */
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

	/** Empties the folder of the set that is not in use. */
	async open(slot: string): Promise<{ folder: string; freeBytes: number }> {
		const values = await this.#values("open", slot);
		return {
			folder: values.get("FOLDER") ?? "",
			freeBytes: Number(values.get("FREE")),
		};
	}

	/** Takes away what was written there, and what points at it. */
	async discard(slot: string): Promise<void> {
		await this.#run("discard", slot);
	}

	/** @throws UpdateRefused with the command's own words, as all of these do. */
	async close(): Promise<void> {
		await this.#run("close");
	}

	/** The next start installs the set. */
	async stage(slot: string): Promise<void> {
		await this.#run("stage", slot);
	}

	/** Takes back what was staged. */
	async cancel(): Promise<void> {
		await this.#run("cancel");
	}

	/** Ends the trial of a new system, where there is one. */
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
			throw new UpdateRefused(
				code === tooLarge ? "systemTooLarge" : "bootPartition",
				stderr?.trim() || `${this.#command} ${args[0]} failed`,
				{ cause: error },
			);
		}
	}
}
