import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestFn } from "ava";
import { logDirectory, timeLimit } from "../machine/index.ts";
import { cutInARow } from "./boot.ts";
import { prefixes } from "./cuts.ts";
import type { Cut } from "./disk-state.ts";
import { Random } from "./random.ts";
import { type Recording, record } from "./record.ts";
import { checkCuts, cutsOf } from "./replay.ts";
import type { Story } from "./story.ts";
import { WriteLog } from "./write-log.ts";

// What every run sees of the power cuts; `npm run test:powercut` sees more of them.
const minute = 60_000;
const directoryOf = ({ name }: Story) =>
	join(logDirectory, "powercut", `sample-${name}`);

/** The story once, and the disk after some cuts, seen from the host. */
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
		`${story.name}: the disk is in order after each of ${points} cuts`,
		async (t) => {
			t.timeout(timeLimit(10 * minute));
			const cuts = cutsOf(entriesOf(recording), { points, seed: 1 });
			t.is(cuts.length, points);
			t.deepEqual(await checkCuts(recording, story, cuts), []);
		},
	);

	return () => recording;
}

/** The machine at one of them. */
export function recoveryTest(
	test: TestFn,
	story: Story,
	recording: () => Recording,
): void {
	test.serial(
		`${story.name}: the machine comes back after a cut half-way and takes another update`,
		async (t) => {
			t.timeout(timeLimit(20 * minute));
			const { reason } = await cutInARow(
				story,
				recording(),
				cutInTheMiddle(recording()),
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

/** Half of its writes are done. */
export function cutInTheMiddle(recording: Recording): Cut {
	const all = prefixes(entriesOf(recording));
	return all[Math.floor(all.length / 2)] as Cut;
}

function entriesOf({ writeLog }: Recording) {
	const log = new WriteLog(writeLog);
	log.close();
	return log.entries;
}
