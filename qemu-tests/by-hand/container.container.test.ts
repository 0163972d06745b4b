import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import test from "ava";
import { Agent, fetch } from "undici";
import { timeLimit } from "../machine/index.ts";

// Runs the command as a user does. Takes about 20 s.
const minute = 60_000;
const own = mkdtempSync(join(tmpdir(), "app-platform-test-"));
const anyCertificate = new Agent({ connect: { rejectUnauthorized: false } });
test.after.always(async () => {
	await command("down");
	rmSync(own, { recursive: true });
});

test.serial("up: each machine is reachable as printed", async (t) => {
	t.timeout(timeLimit(10 * minute));
	const { status, stdout } = await command("up", "2");
	t.is(status, 0);
	const pages = [...stdout.matchAll(/https:\S+/g)].map(([url]) => url);
	t.is(pages.length, 2);
	for (const page of pages) {
		const { status } = await fetch(page, { dispatcher: anyCertificate });
		t.is(status, 200);
	}
});

test.serial("up again is refused", async (t) => {
	const { status, stderr } = await command("up");
	t.is(status, 1);
	t.regex(stderr, /container -- down/);
});

test.serial(
	"shell: opens a shell in the machine, which reaches the other",
	async (t) => {
		const typed = "cat /proc/1/comm\nping -c 1 -W 5 10.0.2.15\nexit 3\n";
		const { status, stdout } = await command("shell", "2", typed);
		t.is(status, 3);
		t.regex(stdout, /^init\n.* 0% packet loss/s);
		t.is((await command("shell", "3")).status, 1);
	},
);

test.serial("down: changes persist until the next time", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await command("shell", "1", "echo kept >/home/root/kept\nexit\n");
	t.is((await command("down")).status, 0);
	t.is((await command("up")).status, 0);
	const typed = "cat /home/root/kept\nexit\n";
	t.is((await command("shell", "1", typed)).stdout, "kept\n");
	t.is((await command("down")).status, 0);
	t.regex((await command("down")).stderr, /No containers are running/);
});

/** Runs `npm run container -- …` with separate disks. */
async function command(action: string, number = "", typed = "") {
	const program = join(import.meta.dirname, "container.ts");
	const child = spawn(
		process.execPath,
		["--import=tsx", program, action, ...(number ? [number] : [])],
		{ env: { ...process.env, CONTAINERS_DIRECTORY: own } },
	);
	const closed = once(child, "close");
	child.stdin.end(typed);
	const [stdout, stderr, [status]] = await Promise.all([
		text(child.stdout),
		text(child.stderr),
		closed,
	]);
	return { status: status as number, stdout, stderr };
}
