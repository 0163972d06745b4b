import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { Command } from "commander";
import { targets } from "./board/target.ts";
import { prepareHost } from "./pipeline/host.ts";

/** A step of `npm test`; fast steps come first, so that mistakes show early. */
interface Step {
	name: string;
	/** Run in order until one fails. */
	commands: string[][];
	/** Takes too long for every run: runs only when named. */
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
			build(...targets.map(({ name }) => name)),
			// The update that the tests install.
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

/** `npm test`: installs missing host packages, then runs all steps or the named ones. */
const command = new Command("npm test --")
	.description("Runs all tests, or only the named steps.")
	.argument("[steps...]", steps.map(({ name }) => name).join(", "))
	.showHelpAfterError()
	.parse();
const unknown = command.args.filter((arg) =>
	steps.every(({ name }) => name !== arg),
);
if (unknown.length > 0)
	command.error(
		`unknown step ${unknown.join(", ")}; steps: ${steps.map(({ name }) => name).join(", ")}`,
	);

/** Matches AVA's lines about failed tests. */
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
	let hasPassed = true;
	for (const command of commands) hasPassed &&= await succeeds(command);
	const seconds = Math.round((performance.now() - startMs) / 1000);
	console.log(`== ${name}: ${hasPassed ? "passed" : "FAILED"} in ${seconds} s`);
	if (!hasPassed) failed.push(name);
}
if (failed.length > 0) {
	// In a long run the failures have scrolled far up.
	console.error(["", ...failedTests].join("\n"));
	console.error(`\nfailed: ${failed.join(", ")}`);
	process.exitCode = 1;
}
console.log(`${wanted.length - failed.length} passed, ${failed.length} failed`);

/** Runs a command and collects the lines about failed tests. Returns whether it succeeded. */
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
