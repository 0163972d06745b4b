import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { logDirectory } from "../machine/build-output.ts";
import { type BootResult, cutRepeatedly } from "./boot.ts";
import type { Cut } from "./disk-state.ts";
import { Random } from "./random.ts";
import { type Recording, record } from "./record.ts";
import { checkCuts, cutsOf, type Failure } from "./replay.ts";
import { stories } from "./stories/index.ts";
import type { Story } from "./story.ts";
import { WriteLog } from "./write-log.ts";

/** `npm run test:powercut` cuts the power at many points of each story. */
const command = new Command("npm run test:powercut --")
	.description("Cuts the power at many points and checks the disk.")
	.option("--points <number>", "points to check per story", Number, 500)
	.option("--seed <number>", "seed for the choice of points", Number, 1)
	.option("--story <name>", stories.map(({ name }) => name).join(", "))
	.option("--boot <number>", "points at which the machine is booted", Number, 3)
	.option("--in-a-row <number>", "cuts in a row", Number, 5)
	.option("--reuse", "reuse the recordings of the last run")
	.parse();
const options = command.opts<{
	points: number;
	seed: number;
	boot: number;
	inARow: number;
	story?: string;
	reuse?: boolean;
}>();
const chosen = stories.filter(
	({ name }) => !options.story || name === options.story,
);
if (chosen.length === 0) command.error(`there is no story ${options.story}`);

const table = new Table({
	head: [
		..."story,writes,flushes,points,torn,reordered,booted,failures,seconds".split(
			",",
		),
	],
	style: { head: [] },
});
for (const story of chosen) {
	console.log(`${story.name}: recording`);
	const directory = join(logDirectory, "powercut", story.name);
	const recording = await record(story, directory, options);
	const log = new WriteLog(recording.writeLog);
	const cuts = cutsOf(log.entries, options);
	const reasons = new Map<string, number>();
	const start = performance.now();
	const failures = await checkCuts(recording, story, cuts, {
		onFailure(failure) {
			const times = reasons.get(failure.reason) ?? 0;
			reasons.set(failure.reason, times + 1);
			if (times === 0) show(failure);
		},
		onProgress(done, failed) {
			if (done % 100 === 0 || done === cuts.length)
				console.log(
					`${story.name}: ${done}/${cuts.length}, ${failed} failures`,
				);
		},
	});
	for (const [reason, times] of reasons)
		console.log(`${story.name}: ${times} cuts: ${reason}`);
	const boots = await bootSome(story, recording, cuts);
	const flushes = log.entries.filter(({ kind }) => kind === "flush").length;
	const count = (kind: string) =>
		cuts.filter((cut) => cut.kind === kind).length;
	table.push([
		story.name,
		log.entries.length - flushes,
		flushes,
		cuts.length,
		count("torn"),
		count("reordered"),
		boots.flatMap(({ cuts }) => cuts).length,
		failures.length + boots.filter(({ reason }) => reason).length,
		Math.round((performance.now() - start) / 1000),
	]);
	log.close();
	if (failures.length > 0 || boots.some(({ reason }) => reason))
		process.exitCode = 1;
}
console.log(table.toString());
// Pending waits on consoles of ended machines would keep this process running.
process.exit();

/** Boots at some cuts: the first is cut repeatedly during recovery, the second once, the others not. */
async function bootSome(
	story: Story,
	recording: Recording,
	cuts: readonly Cut[],
): Promise<BootResult[]> {
	const random = new Random(options.seed);
	const results: BootResult[] = [];
	const firsts = random.sample(cuts, options.boot);
	for (const [index, first] of firsts.entries()) {
		const times =
			index === 0 ? options.inARow : index === 1 && options.inARow > 1 ? 2 : 1;
		const directory = join(logDirectory, "powercut", `${story.name}-boot`);
		const result = await cutRepeatedly(story, recording, first, {
			times,
			random,
			directory,
		});
		const where = result.cuts.map(
			({ kind, complete }) => `${kind} ${complete}`,
		);
		console.log(
			`${story.name}: cut at ${where.join(", then at ")}: ${result.reason ?? "came back"} (${result.seconds} s)`,
		);
		results.push(result);
	}
	return results;
}

function show({ cut, reason, around }: Failure): void {
	console.error(`\n${cut.kind} cut after ${cut.complete} entries: ${reason}`);
	for (const line of around) console.error(`  ${line}`);
}
