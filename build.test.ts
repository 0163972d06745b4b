import { join } from "node:path";
import test from "ava";
import { $ } from "zx";

/** Runs the build's command line with options that make it exit before it builds anything. */
const build = (...args: string[]) =>
	$({
		cwd: import.meta.dirname,
		nothrow: true,
		quiet: true,
	})`node --import=tsx ${join(import.meta.dirname, "build.ts")} ${args}`;

const refusals: [string, string[], RegExp][] = [
	["an unknown target", ["x86_65"], /targets: x86_64/],
	[
		"an unknown target beside a known one",
		["x86_64", "mips"],
		/targets: x86_64/,
	],
	[
		"an unknown format",
		["x86_64", "--format", "vdi"],
		/formats: img, ova, qcow2, vhdx/,
	],
	[
		"a build number with five digits",
		["x86_64", "--build", "13001"],
		/six digits/,
	],
	[
		"a build number with other characters",
		["x86_64", "--build", "13r3.1"],
		/six digits/,
	],
	["an unknown base", ["x86_64", "--base", "yocto"], /debian, buildroot/],
	[
		"Buildroot from two sources",
		["x86_64", "--buildroot-dir", "a", "--buildroot-git", "b"],
		/cannot be used with/,
	],
	["an unknown option", ["x86_64", "--fast"], /unknown option/],
	["a call without a target", [], /targets/],
];

for (const [what, args, answer] of refusals)
	test(`${what} is refused with an explanation`, async (t) => {
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
