import { rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import {
	builtUpdate,
	logDirectory,
	type Machine,
	timeLimit,
} from "../machine/index.ts";
import {
	loginPage,
	logins,
	managerSession,
	outputOf,
} from "../system/steps.ts";
import { uploadUpdate } from "../system/update.ts";
import { prefixes } from "./cuts.ts";
import { mutantImage, mutated } from "./mutant.ts";
import { mutants, updateMutants } from "./mutants.ts";
import { Random } from "./random.ts";
import { record } from "./record.ts";
import { checkCuts } from "./replay.ts";
import { install } from "./stories/install.ts";
import { update } from "./stories/update.ts";
import type { Story } from "./story.ts";
import { WriteLog } from "./write-log.ts";

for (const [index, mutant] of mutants.entries())
	test.serial(`the test finds ${mutant.name}`, async (t) => {
		t.timeout(timeLimit(10 * 60_000));
		const { until } = mutant;
		const story = {
			...install,
			run: until ? waitFor(until) : install.run,
			name: `mutant-${index}`,
			disk: mutantImage(mutant, { sizeMB: 2_500 }),
		};
		const directory = join(logDirectory, "powercut", story.name);
		t.teardown(() => rm(directory, { recursive: true, force: true }));
		const recording = await record(story, directory);
		const log = new WriteLog(recording.writeLog);
		const all = prefixes(log.entries);
		// The last cuts, where the menu is switched, and a sample of the others.
		const cuts = [
			...new Random(1).sample(all.slice(0, -60), 40),
			...all.slice(-60),
		];
		const [failure] = await checkCuts(recording, story, cuts, {
			maxFailures: 1,
		});
		t.log(failure?.reason);
		t.regex(failure?.reason ?? "", /the menu boots the system, but/);
	});

for (const [index, mutant] of updateMutants.entries())
	test.serial(`the test finds ${mutant.name}`, async (t) => {
		t.timeout(timeLimit(15 * 60_000));
		const story: Story = {
			...update,
			name: `mutant-of-update-${index}`,
			async run(machine) {
				await loginPage(machine);
				await machine.console.login(...logins.root);
				const path = mutant.script;
				const text = await outputOf(machine.console, `cat ${path}`);
				const ssh = await machine.ssh(...logins.admin);
				await ssh.writeFile("/tmp/mutant", mutated(text, mutant));
				ssh.close();
				// Mounted over the file, so that the disk is unchanged.
				await outputOf(
					machine.console,
					`chmod 755 /tmp/mutant; mount --bind /tmp/mutant ${path}`,
				);
				await uploadUpdate(machine, builtUpdate("next"));
				const call = await managerSession(machine);
				// The second mutant is refused at the end, after the harm is done.
				await call("updateInstall").catch(() => {});
			},
		};
		const directory = join(logDirectory, "powercut", story.name);
		t.teardown(() => rm(directory, { recursive: true, force: true }));
		const recording = await record(story, directory);
		const log = new WriteLog(recording.writeLog);
		const cuts = new Random(1).sample(prefixes(log.entries), 60);
		const [failure] = await checkCuts(recording, story, cuts, {
			maxFailures: 1,
		});
		t.log(failure?.reason);
		t.regex(
			failure?.reason ?? "",
			/slot a:|slot to install is|no slot to boot/,
		);
	});

function waitFor(shown: RegExp) {
	return async ({ console }: Machine): Promise<void> => {
		await console.expect(shown, { timeoutMs: 300_000 });
	};
}
