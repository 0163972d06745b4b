import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { commandsInDocuments, commandsInPublicText } from "./documents.ts";
import { commandsIn, isTypedBy } from "./extract.ts";

// Every documented command for administrators is typed by a test on a machine. A new one needs a line in typed-by.json,
// under the file in qemu-tests that types it.
const repository = join(import.meta.dirname, "../..");
const list = "qemu-tests/documented-commands/typed-by.json";
const read = (path: string) => readFileSync(join(repository, path), "utf8");
const typedBy = new Map(
	Object.entries(JSON.parse(read(list)) as Record<string, string[]>).flatMap(
		([file, commands]) => commands.map((command) => [command, file] as const),
	),
);
const documented = new Map<string, string[]>();
for (const { text, place } of [
	...commandsInDocuments(),
	...commandsInPublicText(),
])
	documented.set(text, [...(documented.get(text) ?? []), place]);

test("every documented command is typed by a test", (t) => {
	const problems = [...documented].flatMap(([command, places]) => {
		const file = typedBy.get(command);
		const reason =
			file === undefined
				? `is not in ${list}: type it in a test and add it there under the test's file`
				: problemOf(command, file);
		return reason ? [`"${command}" (${places.join("; ")}) ${reason}`] : [];
	});
	t.is(problems.join("\n"), "");
});

test("every listed command is still documented", (t) => {
	const old = [...typedBy.keys()]
		.filter((command) => !documented.has(command))
		.map((command) => `"${command}" is in no document: delete it from ${list}`);
	t.is(old.join("\n"), "");
});

test("each line of an sh block is a command", (t) => {
	const lines = [
		"df -h     # see the disk usage",
		'echo "a # b" > x',
		"# only a comment",
		"",
		"curl --fail \\",
		"\t--data x https://ADDRESS/",
	];
	const text = ["```sh", ...lines, "```", "```ts", "df;", "```"].join("\n");
	t.deepEqual(found(text), [
		"df -h",
		'echo "a # b" > x',
		"curl --fail --data x https://ADDRESS/",
	]);
});

test("inline code that runs a program is a command", (t) => {
	t.deepEqual(
		found("Type `su root`, not `su`, for `default=1` is no `such command`."),
		["su root"],
	);
});

test("sections for other readers are excluded with their subsections", (t) => {
	const text = "`su a`\n## Build\n`su b`\n### More\n`su c`\n## Start\n`su d`";
	t.deepEqual(found(text, ["Build"]), ["su a", "su d"]);
	t.throws(() => found(text, ["Renamed"]), {
		message: /x\.md has no section "Renamed": correct notForAdministrators/,
	});
});

for (const [source, command, isTyped] of [
	['run("df -h")', "df -h", true],
	['run("df -h /mnt")', "df -h", false],
	['run("/x/df -h")', "df -h", false],
	// biome-ignore lint/suspicious/noTemplateCurlyInString: a test's source
	["run(`gdb --pid ${pid} -ex gcore`)", "gdb --pid PID -ex gcore", true],
	['run("gdb --pid -ex gcore")', "gdb --pid PID -ex gcore", false],
	['run("setip --addr=10.0.2.77")', "setip --addr=x.x.x.x", true],
	['run("echo \\"\\" > x")', 'echo "" > x', true],
] as const)
	test(`${source} ${isTyped ? "types" : "does not type"} ${command}`, (t) => {
		t.is(isTypedBy(source, command), isTyped);
	});

function found(text: string, excluded: readonly string[] = []): string[] {
	const isProgram = (word: string) => word === "su";
	return commandsIn(text, { path: "x.md", excluded, isProgram }).map(
		(command) => command.text,
	);
}

function problemOf(command: string, file: string): string | undefined {
	if (!/^qemu-tests\/.*\.ts$/.test(file) || !existsSync(join(repository, file)))
		return `should be typed by ${file}, which is not a test file: correct ${list}`;
	if (!isTypedBy(read(file), command))
		return `is not typed by ${file}: type it there as documented, or correct ${list}`;
	return undefined;
}
