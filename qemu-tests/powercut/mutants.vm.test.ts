import { rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { logDirectory, type Machine, timeLimit } from "../machine/index.ts";
import { prefixes } from "./cuts.ts";
import { imageOfMutant } from "./mutant.ts";
import { mutants } from "./mutants.ts";
import { Random } from "./random.ts";
import { record } from "./record.ts";
import { checkCuts } from "./replay.ts";
import { install } from "./stories/install.ts";
import { WriteLog } from "./write-log.ts";

for (const [index, mutant] of mutants.entries())
	test.serial(`the test finds ${mutant.name}`, async (t) => {
		t.timeout(timeLimit(10 * 60_000));
		const { until } = mutant;
		const story = {
			...install,
			run: until ? waitFor(until) : install.run,
			name: `mutant-${index}`,
			disk: imageOfMutant(mutant, { sizeMB: 2_500 }),
		};
		const directory = join(logDirectory, "powercut", story.name);
		t.teardown(() => rm(directory, { recursive: true, force: true }));
		const recording = await record(story, directory);
		const log = new WriteLog(recording.writeLog);
		const all = prefixes(log.entries);
		// The end, where the menu is switched, and some of the rest.
		const cuts = [
			...new Random(1).sample(all.slice(0, -60), 40),
			...all.slice(-60),
		];
		const [failure] = await checkCuts(recording, story, cuts, {
			mostFailures: 1,
		});
		t.log(failure?.reason);
		t.regex(failure?.reason ?? "", /the menu starts the system, but/);
	});

function waitFor(shown: RegExp) {
	return async ({ console }: Machine): Promise<void> => {
		await console.expect(shown, { timeoutMs: 300_000 });
	};
}
