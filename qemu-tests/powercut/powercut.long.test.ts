import { rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { logDirectory, timeLimit } from "../machine/index.ts";
import { cutInARow } from "./boot.ts";
import { prefixes } from "./cuts.ts";
import type { Cut } from "./disk-state.ts";
import { Random } from "./random.ts";
import { type Recording, record } from "./record.ts";
import { checkCuts, cutsOf } from "./replay.ts";
import { install } from "./stories/install.ts";
import { WriteLog } from "./write-log.ts";

// A sample of `npm run test:powercut`, which has more points and more stories.
const minute = 60_000;
const directory = join(logDirectory, "powercut", "ci");
let recording: Recording;

test.after.always(() => rm(directory, { recursive: true, force: true }));

test.serial(
	"every write and flush of an installation is recorded",
	async (t) => {
		t.timeout(timeLimit(6 * minute));
		recording = await record(install, join(directory, install.name));
		const { entries } = new WriteLog(recording.writeLog);
		t.true(entries.filter(({ kind }) => kind === "write").length > 100);
		t.true(entries.filter(({ kind }) => kind === "flush").length > 20);
	},
);

test.serial("the disk is in order after each of many cuts", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const { entries } = new WriteLog(recording.writeLog);
	const cuts = cutsOf(entries, { points: 300, seed: 1 });
	t.deepEqual(await checkCuts(recording, install, cuts), []);
});

test.serial("the machine comes back after a cut in its recovery", async (t) => {
	t.timeout(timeLimit(12 * minute));
	const all = prefixes(new WriteLog(recording.writeLog).entries);
	const { reason } = await cutInARow(
		install,
		recording,
		all[Math.floor(all.length / 2)] as Cut,
		{ times: 2, random: new Random(1), directory: join(directory, "boot") },
	);
	t.is(reason, undefined);
});
