import { existsSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DiskFile, Machine } from "../machine/index.ts";
import { takesAnotherUpdate } from "../system/update.ts";
import { prefixes } from "./cuts.ts";
import type { Cut } from "./disk-state.ts";
import type { Random } from "./random.ts";
import { type Recording, recordRun } from "./record.ts";
import { diskAt } from "./replay.ts";
import type { Story } from "./story.ts";
import { WriteLog } from "./write-log.ts";

export interface BootResult {
	/** One cut, or several, each during the recovery from the one before. */
	cuts: readonly Cut[];
	seconds: number;
	reason?: string;
}

/** What a machine says when it gives up: nobody needs to wait any longer. */
const givenUp = /Kernel panic|This FAILED|CANNOT BE USED|Nothing is installed:/;

/**
 * Cuts the power, starts the machine again, lets it come back and take another update. Then
 * again, with the power cut at any point of what it did until it was back: as often as `times`
 * says.
 */
export async function cutInARow(
	story: Story,
	recording: Recording,
	first: Cut,
	{
		times,
		random,
		directory,
	}: { times: number; random: Random; directory: string },
): Promise<BootResult> {
	const start = performance.now();
	const cuts: Cut[] = [];
	const seconds = () => Math.round((performance.now() - start) / 1000);
	mkdirSync(directory, { recursive: true });
	try {
		for (
			let current = recording, cut = first;
			;
			cut = anyCut(current, random)
		) {
			cuts.push(cut);
			const base: DiskFile = {
				path: join(directory, `after-${cuts.length}.raw`),
				format: "raw",
			};
			await diskAt(current, story.target, cut, base.path);
			const writeLog = join(directory, `writes-${cuts.length}`);
			await recordRun(
				base,
				writeLog,
				{ name: `powercut-${story.name}-again`, target: story.target },
				(machine) => unlessGivenUp(machine, story.holds),
				(machine) => unlessGivenUp(machine, takesAnotherUpdate),
			);
			current = { base, writeLog };
			if (cuts.length === times) return { cuts, seconds: seconds() };
		}
	} catch (error) {
		const reason = lastWords(error instanceof Error ? error.message : "");
		return { cuts, seconds: seconds(), reason };
	} finally {
		if (existsSync(directory)) await rm(directory, { recursive: true });
	}
}

/** It comes to its end, or the console says why not. */
async function unlessGivenUp(
	machine: Machine,
	run: (machine: Machine) => Promise<void>,
): Promise<void> {
	const never = /(?!)/;
	const timeoutMs = 30 * 60_000;
	const complaint = new Promise<never>((_, reject) => {
		machine.console
			.expect(never, { timeoutMs, unless: givenUp })
			.catch((error: Error) => {
				// The line ends whenever the machine is switched off and on, which is no complaint.
				if (!/got the end of the line/.test(error.message)) reject(error);
			});
	});
	await Promise.race([run(machine), complaint]);
}

/** The end of what the console showed, which tells more than what was waited for. */
function lastWords(message: string): string {
	return message.trim().split("\n").slice(-6).join(" / ");
}

function anyCut({ writeLog }: Recording, random: Random): Cut {
	const log = new WriteLog(writeLog);
	const all = prefixes(log.entries);
	log.close();
	return all[random.below(all.length)] as Cut;
}
