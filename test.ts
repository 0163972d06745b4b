import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { Command } from "commander";
import { prepareHost } from "./pipeline/host.ts";

/** A step of `npm test`: fast ones first, so that a mistake shows early. */
interface Step {
	name: string;
	/** What is run, each until the first that fails. */
	commands: string[][];
	/** Left out unless it is named: what takes too long for every run. */
	onRequest?: boolean;
}

const build = (...args: string[]) => [
	...["node", "--import=tsx", "build.ts"],
	...args,
];
const ava = (...args: string[]) => ["npx", "ava", ...args];

const steps: Step[] = [
	{ name: "types", commands: [["npx", "tsc", "--noEmit"]] },
	{
		name: "lint",
		commands: [
			["npx", "biome", "check", "--error-on-warnings", "."],
			["node", "--import=tsx", "pipeline/shellcheck.ts"],
		],
	},
	{
		name: "unit",
		commands: [
			ava(
				"**/*.test.ts",
				"!**/*.container.test.ts",
				"!**/*.vm.test.ts",
				"!**/*.long.test.ts",
				"!**/*.integration.test.ts",
				"!**/*.build.test.ts",
			),
		],
	},
	{ name: "integration", commands: [ava("**/*.integration.test.ts")] },
	{
		name: "build",
		commands: [
			build("x86_64", "arm64", "arm"),
			// What an installed system is updated to.
			build(
				..."x86_64 --build 999999 --format update --output out/next".split(" "),
			),
		],
	},
	{
		name: "reproducible",
		commands: [ava("**/*.build.test.ts", "--serial")],
	},
	{
		name: "container",
		commands: [ava("--concurrency=2", "**/*.container.test.ts")],
	},
	{
		name: "vm",
		commands: [ava("--concurrency=2", "**/*.vm.test.ts")],
	},
	{
		name: "long",
		commands: [ava("--concurrency=2", "**/*.long.test.ts")],
		onRequest: true,
	},
];

/** `npm test`: sets this machine up, then runs all steps, or the named ones. */
const command = new Command("npm test --")
	.description("Tests everything, or only the named steps.")
	.argument("[steps...]", steps.map(({ name }) => name).join(", "))
	.showHelpAfterError()
	.parse();
const unknown = command.args.filter((arg) =>
	steps.every(({ name }) => name !== arg),
);
if (unknown.length > 0)
	command.error(
		`there is no step ${unknown.join(", ")}; there are: ${steps.map(({ name }) => name).join(", ")}`,
	);

/** What AVA's lines about failed tests have. */
const failure = /✘|^(Uncaught exception|Unhandled rejection) in /;

prepareHost(["kernel", "image", "machine", "test"]);
const wanted = steps.filter(({ name, onRequest }) =>
	command.args.length === 0 ? !onRequest : command.args.includes(name),
);
const failed: string[] = [];
const failedTests: string[] = [];
for (const { name, commands } of wanted) {
	console.log(`\n== ${name}`);
	const startMs = performance.now();
	let isGood = true;
	for (const command of commands) isGood &&= await succeeds(command);
	const seconds = Math.round((performance.now() - startMs) / 1000);
	console.log(`== ${name}: ${isGood ? "passed" : "FAILED"} in ${seconds} s`);
	if (!isGood) failed.push(name);
}
if (failed.length > 0) {
	// A long run has them far above.
	console.error(["", ...failedTests].join("\n"));
	console.error(`\nfailed: ${failed.join(", ")}`);
	process.exitCode = 1;
}
console.log(`${wanted.length - failed.length} passed, ${failed.length} failed`);

/** Runs a command, and keeps the lines about tests that fail. */
async function succeeds([program = "", ...args]: string[]): Promise<boolean> {
	const child = spawn(program, args, {
		stdio: ["inherit", "pipe", "inherit"],
		env: {
			...process.env,
			...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}),
		},
	});
	createInterface(child.stdout).on("line", (line) => {
		console.log(line);
		if (failure.test(stripVTControlCharacters(line))) failedTests.push(line);
	});
	const [status] = await once(child, "close");
	return status === 0;
}
