import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
const directory = join(host.root, "logs/thing");
const current = join(directory, "current");
let log: ChildProcess;

test.before(async () => {
	log = spawn(
		"sh",
		[join(host.root, "usr/lib/app-platform/log-to"), directory],
		{
			stdio: ["pipe", "ignore", "ignore"],
		},
	);
	await logged("before");
});

test.after.always(async () => {
	const ended = once(log, "exit");
	log.stdin?.end();
	await ended;
	host.remove();
});

for (const [what, path] of [
	["all files of a log", `${directory}/*`],
	["its whole directory", directory],
] as const)
	test.serial(`${what} may be deleted while in use`, async (t) => {
		host.run("service", `rm -r ${path}`);
		log.stdin?.write("lost\n");
		const { exitCode, output } = host.run(
			"service",
			"logger() { :; }; . usr/lib/app-platform/reopen-logs",
		);
		t.is(exitCode, 0, output);
		await logged(`after ${what}`);
		// With its previous limits.
		t.regex(readFileSync(join(directory, "config"), "utf8"), /^s1000000$/m);
	});

test.serial("an existing log is not changed", async (t) => {
	host.run("service", "logger() { :; }; . usr/lib/app-platform/reopen-logs");
	await logged("more");
	t.regex(readFileSync(current, "utf8"), /after its whole directory\n.*more/s);
});

/** Writes the words once svlogd has its file, and waits until they are in it. */
async function logged(words: string): Promise<void> {
	// Until it has handled SIGHUP, svlogd writes to the deleted file.
	await until(() => existsSync(current));
	log.stdin?.write(`${words}\n`);
	await until(() => readFileSync(current, "utf8").includes(words));
}

async function until(isSo: () => boolean): Promise<void> {
	for (let left = 200; left > 0; left--) {
		if (isSo()) return;
		await delay(50);
	}
	throw new Error(`Timed out: ${isSo}`);
}
