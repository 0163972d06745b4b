import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import test from "ava";
import { eventually, temporaryDirectory, timeLimit } from "../machine/index.ts";
import { pageWith } from "../system/host-shell.ts";
import { logins } from "../system/steps.ts";

// Runs the command as documented in README.md. Takes about 6 minutes.
const minute = 60_000;
const cache = temporaryDirectory();
const [root, password] = logins.root;
let running: ChildProcess | undefined;
let shown = "";
test.after.always(async () => {
	running?.kill("SIGKILL");
	cache.remove();
});

test.serial("the image installs itself and prints its address", async (t) => {
	t.timeout(timeLimit(25 * minute));
	start("npm run vm -- x86_64");
	await onScreen(/Ctrl-] switches it off/);
	t.truthy(await loginPage());
	await logIn();
	type("echo kept >/home/root/kept; sync; echo is-$((1 + 1))\n");
	await onScreen(/is-2/);
});

test.serial("Ctrl-] switches it off", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const closed = once(running as ChildProcess, "close");
	type("\x1d");
	t.deepEqual(await closed, [0, null]);
});

test.serial("changes persist until the next time", async (t) => {
	t.timeout(timeLimit(10 * minute));
	start("npm run vm -- x86_64 --memory 384 --network e1000");
	t.truthy(await loginPage());
	await logIn();
	type("cat /home/root/kept; grep MemTotal /proc/meminfo\n");
	const [, kilobytes] = await onScreen(/kept\s+MemTotal: +(\d+) kB/);
	t.true(Number(kilobytes) < 384 * 1024);
	const closed = once(running as ChildProcess, "close");
	type("\x1d\x1d");
	t.deepEqual(await closed, [0, null]);
});

function start(command: string): void {
	shown = "";
	running = spawn("bash", ["-c", `exec ${command}`], {
		cwd: join(import.meta.dirname, "../.."),
		env: { ...process.env, APP_PLATFORM_CACHE: cache.path },
	});
	const child = running;
	for (const stream of [child.stdout, child.stderr])
		stream?.on("data", (text) => {
			shown += text;
			child.emit("shown");
		});
}

/** Waits for output since the start. */
async function onScreen(pattern: RegExp): Promise<RegExpExecArray> {
	for (;;) {
		const match = pattern.exec(shown);
		if (match) return match;
		await once(running as ChildProcess, "shown");
	}
}

function type(keys: string): void {
	running?.stdin?.write(keys);
}

async function loginPage(): Promise<string> {
	const [url] = await onScreen(/https:\S+/);
	return eventually(
		`the login page at ${url}`,
		() => pageWith(url, "<title>App Platform</title>"),
		{ timeoutMs: 20 * minute },
	);
}

async function logIn(): Promise<void> {
	await onScreen(/login: $/);
	type(`${root}\n`);
	await onScreen(/[Pp]assword: $/);
	type(`${password}\n`);
	await onScreen(/# $/);
}
