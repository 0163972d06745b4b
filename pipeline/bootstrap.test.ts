import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
	copyFileSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";

test("of two commands in a fresh clone, one installs the packages and the other waits", async (t) => {
	const root = mkdtempSync(join(tmpdir(), "app-platform-bootstrap-"));
	t.teardown(() => rmSync(root, { recursive: true }));
	const path = (name: string) => join(root, name);
	mkdirSync(path("pipeline"));
	mkdirSync(path("bin"));
	copyFileSync(
		join(import.meta.dirname, "bootstrap.mjs"),
		path("pipeline/bootstrap.mjs"),
	);
	writeFileSync(path("package-lock.json"), "{}");
	writeFileSync(path("script.mjs"), "console.log('done');");
	execFileSync("mkfifo", [path("go")]);
	// Installs when it is told to.
	writeFileSync(
		path("bin/npm"),
		`#!/bin/sh
		set -eu
		echo "$*" >>${path("calls")}
		read -r _ <${path("go")}
		rm -rf node_modules
		mkdir -p node_modules/tsx
		echo >node_modules/tsx/index.js`,
		{ mode: 0o755 },
	);
	const start = () => {
		const child = spawn(
			process.execPath,
			[path("pipeline/bootstrap.mjs"), path("script.mjs")],
			{
				env: { PATH: `${path("bin")}:${process.env.PATH}` },
				stdio: ["ignore", "pipe", "inherit"],
			},
		);
		let output = "";
		child.stdout.setEncoding("utf8");
		return {
			exit: once(child, "exit"),
			/** Waits for what it prints. */
			async until(text: string) {
				while (!output.includes(text))
					output += (await once(child.stdout, "data"))[0];
			},
		};
	};
	const first = start();
	await first.until("Installing");
	const second = start();
	await second.until("Waiting");
	writeFileSync(path("go"), "go\n");
	await Promise.all([first.until("done"), second.until("done")]);
	t.deepEqual(await Promise.all([first.exit, second.exit]), [
		[0, null],
		[0, null],
	]);
	t.is(readFileSync(path("calls"), "utf8").trim().split("\n").length, 1);
});
