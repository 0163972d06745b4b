import { readFileSync } from "node:fs";
import Table from "cli-table3";
import ora, { type Ora } from "ora";
import type { PublishedFile } from "./output.ts";
import { runStage, type Stage, StageError, type StageResult } from "./stage.ts";

const LAST_LINES = 15;

/** Runs a build's stages and shows their progress. */
export class Progress {
	readonly #target: string;
	readonly #useCache: boolean;
	readonly #results: StageResult[] = [];

	constructor(target: string, { useCache }: { useCache: boolean }) {
		this.#target = target;
		this.#useCache = useCache;
	}

	async run(stage: Stage): Promise<StageResult> {
		const spinner = ora({ text: stage.name }).start();
		try {
			const result = await runStage(stage, {
				useCache: this.#useCache,
				report: (text) => show(spinner, `${stage.name}: ${text}`),
			});
			this.#results.push(result);
			spinner.succeed(`${stage.name}  ${formatTime(result)}`);
			return result;
		} catch (error) {
			spinner.fail(stage.name);
			throw error;
		}
	}

	/** Prints the tables of times and files. */
	finish(files: readonly PublishedFile[]): void {
		const times = new Table({
			head: ["stage", "time"],
			colAligns: ["left", "right"],
			style: { head: [], border: [], compact: true },
		});
		times.push(
			...this.#results.map((result) => [result.name, formatTime(result)]),
		);
		const sizes = new Table({
			head: [`${this.#target}: file`, "bytes", "on disk"],
			colAligns: ["left", "right", "right"],
			style: { head: [], border: [], compact: true },
		});
		sizes.push(
			...files.map(({ path, sizeBytes, allocatedBytes }) => [
				path,
				sizeBytes.toLocaleString("en"),
				allocatedBytes.toLocaleString("en"),
			]),
		);
		console.log(`${times}\n${sizes}`);
	}

	/** Prints why a build failed: for a stage, the last lines of its log and the log's path. */
	static explain(error: unknown): void {
		const lines: string[] = [];
		if (error instanceof StageError) {
			const log = readFileSync(error.logPath, "utf8").trimEnd().split("\n");
			lines.push(...log.slice(-LAST_LINES));
			lines.push("", `${error.message}; full log: ${error.logPath}`);
			if (error.cause instanceof Error)
				lines.push(error.cause.message.split("\n")[0] ?? "");
		} else lines.push(error instanceof Error ? error.message : String(error));
		console.error(lines.join("\n"));
	}
}

/** Shows a report on a terminal only: elsewhere each would print a line. */
function show(spinner: Ora, text: string): void {
	if (spinner.isSpinning) spinner.text = text;
}

function formatTime({ fromCache, durationMs }: StageResult): string {
	return fromCache ? "cached" : `${(durationMs / 1000).toFixed(1)} s`;
}
