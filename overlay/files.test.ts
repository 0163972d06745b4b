import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

function directory(t: ExecutionContext) {
	const host = new ScriptsOnHost("grub");
	t.teardown(() => host.remove());
	host.write("files/old", "old");
	const file = join(host.root, "files/old");
	return {
		run: (lines: string) => host.run("files", `file=${file}\n${lines}`),
		content: () => host.read("files/old"),
		mode: () => statSync(file).mode & 0o777,
		names: () => readdirSync(join(host.root, "files")),
	};
}

test("replaces a file, with mode 644 or the given one", (t) => {
	const { run, content, mode, names } = directory(t);
	t.is(run('umask 077; echo new | replace_file "$file"').exitCode, 0);
	t.is(content(), "new\n");
	t.is(mode(), 0o644);
	t.is(run('umask 022; echo key | replace_file "$file" 600').exitCode, 0);
	t.is(content(), "key\n");
	t.is(mode(), 0o600);
	t.deepEqual(names(), ["old"]);
});

for (const command of ["cat", "chmod", "sync", "mv"])
	test(`keeps the old file if ${command} fails`, (t) => {
		const { run, content, names } = directory(t);
		const { exitCode } = run(
			`${command}() { return 1; }\necho new | replace_file "$file"`,
		);
		t.is(exitCode, 1);
		t.is(content(), "old");
		t.deepEqual(names(), ["old"]);
	});

test("syncs the new file before the rename, and the directory after it", (t) => {
	const { run } = directory(t);
	const { output } = run(
		`sync() { echo "sync \${1##*/files}"; }
		mv() { echo mv; command mv "$@"; }
		echo new >"$file.new"
		move_into_place "$file.new" "$file"`,
	);
	t.is(output, "sync /old.new\nmv\nsync /");
});

test("leaves out files that are not complete", (t) => {
	const { run } = directory(t);
	const { exitCode, output } = run(
		`mkdir from to; touch from/rsa.new from/hosts.new.123 from/ecdsa
		copy_missing from to; ls to`,
	);
	t.is(exitCode, 0);
	t.is(output, "ecdsa");
});

test("copies the missing files of a tree and keeps existing ones", (t) => {
	const { run } = directory(t);
	const { exitCode, output } = run(
		`mkdir -p from/sub to; echo from >from/old; echo to >to/old
		echo key >from/sub/key; chmod 600 from/sub/key
		copy_missing from to
		cat to/old to/sub/key; stat -c %a to/sub/key; find to -name "*.new"`,
	);
	t.is(exitCode, 0);
	t.is(output, "to\nkey\n600");
});
