import { existsSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DiskFile, Machine } from "../machine/index.ts";
import { installAnotherUpdate } from "../system/update.ts";
import { prefixes } from "./cuts.ts";
import type { Cut } from "./disk-state.ts";
import type { Random } from "./random.ts";
import { hardwareOf, type Recording, recordRun } from "./record.ts";
import { diskAt } from "./replay.ts";
import type { Story } from "./story.ts";
import { WriteLog } from "./write-log.ts";

export interface BootResult {
	/** One cut, or several, each during the recovery from the previous one. */
	cuts: readonly Cut[];
	seconds: number;
	reason?: string;
}

/** Messages after which a machine does not recover, so that the test need not wait. */
const fatalMessages =
	/Kernel panic|This FAILED|CANNOT BE USED|Nothing is installed:/;

/**
 * Cuts the power, boots the machine, waits for its recovery and installs another update. Repeats this `times` times,
 * each time with a cut at a random point of the previous recovery.
 */
export async function cutRepeatedly(
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
			cut = randomCut(current, random)
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
				{ name: `powercut-${story.name}-again`, ...hardwareOf(story) },
				(machine) => failOnConsoleError(machine, story.assertRecovered),
				(machine) => failOnConsoleError(machine, installAnotherUpdate),
			);
			current = { base, writeLog };
			if (cuts.length === times) return { cuts, seconds: seconds() };
		}
	} catch (error) {
		const reason = consoleTail(error instanceof Error ? error.message : "");
		return { cuts, seconds: seconds(), reason };
	} finally {
		if (existsSync(directory)) await rm(directory, { recursive: true });
	}
}

/** Runs a function until it ends or the console shows a fatal message. */
async function failOnConsoleError(
	machine: Machine,
	run: (machine: Machine) => Promise<void>,
): Promise<void> {
	const never = /(?!)/;
	const timeoutMs = 30 * 60_000;
	const failure = new Promise<never>((_, reject) => {
		machine.console
			.expect(never, { timeoutMs, unless: fatalMessages })
			.catch((error: Error) => {
				// The connection closes whenever the machine is switched off and on, which is no failure.
				if (!/got a closed connection/.test(error.message)) reject(error);
			});
	});
	await Promise.race([run(machine), failure]);
}

/** Returns the end of the console's output, which tells more than the expected text. */
function consoleTail(message: string): string {
	return message.trim().split("\n").slice(-6).join(" / ");
}

function randomCut({ writeLog }: Recording, random: Random): Cut {
	const log = new WriteLog(writeLog);
	const all = prefixes(log.entries);
	log.close();
	return all[random.below(all.length)] as Cut;
}
