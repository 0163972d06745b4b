import { join } from "node:path";
import test from "ava";
import { $ } from "zx";

/** Runs the build's command line; these calls end before anything is built. */
const build = (...args: string[]) =>
	$({
		cwd: import.meta.dirname,
		nothrow: true,
		quiet: true,
	})`node --import=tsx ${join(import.meta.dirname, "build.ts")} ${args}`;

const refusals: [string, string[], RegExp][] = [
	["a target that there is not", ["x86_65"], /there are: x86_64/],
	[
		"one wrong target among right ones",
		["x86_64", "mips"],
		/there are: x86_64/,
	],
	[
		"a format that there is not",
		["x86_64", "--format", "vdi"],
		/there are: img, ova, qcow2, vhdx/,
	],
	[
		"a build number of five digits",
		["x86_64", "--build", "13001"],
		/six digits/,
	],
	[
		"a build number that is none",
		["x86_64", "--build", "13r3.1"],
		/six digits/,
	],
	[
		"a base that there is not",
		["x86_64", "--base", "yocto"],
		/debian, buildroot/,
	],
	[
		"Buildroot from two places",
		["x86_64", "--buildroot-dir", "a", "--buildroot-git", "b"],
		/cannot be used with/,
	],
	["an option that there is not", ["x86_64", "--fast"], /unknown option/],
	["no target at all", [], /targets/],
];

for (const [what, args, answer] of refusals)
	test(`${what} is refused with what is right`, async (t) => {
		const { exitCode, stderr } = await build(...args);
		t.not(exitCode, 0);
		t.regex(stderr, answer);
	});

test("--help names every option", async (t) => {
	const { exitCode, stdout } = await build("--help");
	t.is(exitCode, 0);
	for (const option of [
		"--base",
		"--build",
		"--format",
		"--no-cache",
		"--offline",
	])
		t.true(stdout.includes(option), option);
});
