import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestFn } from "ava";
import { logDirectory, timeLimit } from "../machine/index.ts";
import { cutRepeatedly } from "./boot.ts";
import { prefixes } from "./cuts.ts";
import type { Cut } from "./disk-state.ts";
import { Random } from "./random.ts";
import { type Recording, record } from "./record.ts";
import { checkCuts, cutsOf } from "./replay.ts";
import type { Story } from "./story.ts";
import { WriteLog } from "./write-log.ts";

// A sample of the power cuts for every test run; `npm run test:powercut` tests more of them.
const minute = 60_000;
const directoryOf = ({ name }: Story) =>
	join(logDirectory, "powercut", `sample-${name}`);

/** Records the story once and checks the disk after some cuts from the host. */
export function cutTests(
	test: TestFn,
	story: Story,
	{ points }: { points: number },
): () => Recording {
	let recording: Recording;
	const directory = directoryOf(story);
	test.after.always(() => rm(directory, { recursive: true, force: true }));

	test.serial(`${story.name}: every write and flush is recorded`, async (t) => {
		t.timeout(timeLimit(20 * minute));
		recording = await record(story, directory);
		const entries = entriesOf(recording);
		t.true(entries.filter(({ kind }) => kind === "write").length > 100);
		t.true(entries.filter(({ kind }) => kind === "flush").length > 20);
	});

	test.serial(
		`${story.name}: the disk is intact after each of ${points} cuts`,
		async (t) => {
			t.timeout(timeLimit(10 * minute));
			const cuts = cutsOf(entriesOf(recording), { points, seed: 1 });
			t.is(cuts.length, points);
			t.deepEqual(await checkCuts(recording, story, cuts), []);
		},
	);

	return () => recording;
}

/** Tests that the machine recovers from a cut. */
export function recoveryTest(
	test: TestFn,
	story: Story,
	recording: () => Recording,
): void {
	test.serial(
		`${story.name}: the machine recovers from a cut half-way and installs another update`,
		async (t) => {
			t.timeout(timeLimit(20 * minute));
			const { reason } = await cutRepeatedly(
				story,
				recording(),
				middleCut(recording()),
				{
					times: 1,
					random: new Random(1),
					directory: join(directoryOf(story), "boot"),
				},
			);
			t.is(reason, undefined);
		},
	);
}

/** Returns the cut after half of the writes. */
export function middleCut(recording: Recording): Cut {
	const all = prefixes(entriesOf(recording));
	return all[Math.floor(all.length / 2)] as Cut;
}

function entriesOf({ writeLog }: Recording) {
	const log = new WriteLog(writeLog);
	log.close();
	return log.entries;
}
