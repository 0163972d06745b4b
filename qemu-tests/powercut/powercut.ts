import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { logDirectory } from "../machine/places.ts";
import { record } from "./record.ts";
import { checkCuts, cutsOf, type Failure } from "./replay.ts";
import { stories } from "./stories/index.ts";
import { WriteLog } from "./write-log.ts";

/** `npm run test:powercut`: cuts the power at many points of each story. */
const command = new Command("npm run test:powercut --")
	.description("Cuts the power at many points and checks what is left.")
	.option("--points <number>", "points to check per story", Number, 500)
	.option("--seed <number>", "for another choice of points", Number, 1)
	.option("--story <name>", stories.map(({ name }) => name).join(", "))
	.option("--reuse", "take the recordings of the last run")
	.parse();
const options = command.opts<{
	points: number;
	seed: number;
	story?: string;
	reuse?: boolean;
}>();
const chosen = stories.filter(
	({ name }) => !options.story || name === options.story,
);
if (chosen.length === 0) command.error(`there is no story ${options.story}`);

const table = new Table({
	head: [
		..."story,writes,flushes,points,torn,reordered,failures,seconds".split(","),
	],
	style: { head: [] },
});
const shownFailures = 10;
for (const story of chosen) {
	console.log(`${story.name}: recording`);
	const directory = join(logDirectory, "powercut", story.name);
	const recording = await record(story, directory, options);
	const log = new WriteLog(recording.writeLog);
	const cuts = cutsOf(log.entries, options);
	const start = performance.now();
	const failures = await checkCuts(recording, story, cuts, (done, failed) => {
		if (done % 100 === 0 || done === cuts.length)
			console.log(`${story.name}: ${done}/${cuts.length}, ${failed} failures`);
	});
	for (const failure of failures.slice(0, shownFailures)) show(failure);
	const flushes = log.entries.filter(({ kind }) => kind === "flush").length;
	const count = (kind: string) => cuts.filter((cut) => cut.kind === kind).length;
	table.push([
		story.name,
		log.entries.length - flushes,
		flushes,
		cuts.length,
		count("torn"),
		count("reordered"),
		failures.length,
		Math.round((performance.now() - start) / 1000),
	]);
	log.close();
	if (failures.length > 0) process.exitCode = 1;
}
console.log(table.toString());

function show({ cut, reason, around }: Failure): void {
	console.error(`\n${cut.kind} cut after ${cut.complete} entries: ${reason}`);
	for (const line of around) console.error(`  ${line}`);
}
