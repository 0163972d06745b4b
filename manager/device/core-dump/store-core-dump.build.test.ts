import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
	copyFile,
	mkdir,
	mkdtemp,
	readdir,
	readFile,
	rm,
	stat,
	utimes,
	writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";

const script = join(
	import.meta.dirname,
	"../../../overlay/both/usr/lib/app-platform/store-core-dump",
);
const MB = 1024 * 1024;

/** Sets up the handler of core dumps in a directory that replaces the machine, with a `df` that reports these sizes. */
async function makeHandler(
	t: ExecutionContext,
	{
		constants = {},
		diskMB = 4000,
		freeMB = 3000,
	}: {
		constants?: Record<string, number>;
		diskMB?: number;
		freeMB?: number;
	} = {},
) {
	const root = await mkdtemp(join(tmpdir(), "store-core-dump-"));
	t.teardown(() => rm(root, { recursive: true }));
	for (const path of ["bin", "run/lock", "var/log"])
		await mkdir(join(root, path), { recursive: true });
	const write = (path: string, text: string) =>
		writeFile(join(root, path), text, { mode: 0o755 });
	await write("bin/logger", `#!/bin/sh\necho "$3" >>${root}/messages\n`);
	await write(
		"bin/df",
		`#!/bin/sh\necho header\necho disk ${diskMB * 1024} 0 ${freeMB * 1024} 0% /\n`,
	);
	let text = (await readFile(script, "utf8"))
		.replace(/^PATH=.*/m, `PATH=${root}/bin:$PATH`)
		.replaceAll(/(?<=^|[=> ])\/(?=var\/|run\/)/gm, `${root}/`);
	for (const [name, value] of Object.entries(constants))
		text = text.replace(new RegExp(`^${name}=.*`, "m"), `${name}=${value}`);
	await write("store-core-dump", text);
	const dumps = join(root, "var/log/core_dumps");
	return {
		dumps,
		/** Returns the names of a program's dumps. */
		async list(program: string): Promise<string[]> {
			return (await readdir(join(dumps, program)).catch(() => [])).sort();
		},
		messages: () => readFile(join(root, "messages"), "utf8").catch(() => ""),
		/** Starts the handler as the kernel does, with standard input only. */
		start(pid: number, seconds: number) {
			const command = `exec ${root}/store-core-dump ${pid} ${seconds} >&- 2>&-`;
			const handler = spawn("sh", ["-c", command], {
				stdio: ["pipe", "inherit", "inherit"],
			});
			handler.stdin.on("error", () => undefined); // The handler may stop reading early.
			return handler;
		},
		/** Stores a dump, by default of this process. */
		async store(dump: Buffer, seconds: number, pid = process.pid) {
			const handler = this.start(pid, seconds);
			handler.stdin.end(dump);
			const [exitCode] = await once(handler, "exit");
			t.is(exitCode, 0);
		},
	};
}

/** Starts a process named `sleep` that runs as long as the test. @returns its id. */
async function startSleep(t: ExecutionContext): Promise<number> {
	const child = spawn("sleep", ["1000"]);
	t.teardown(() => child.kill());
	await once(child, "spawn");
	return child.pid ?? 0;
}

const decompress = (file: string) =>
	execFileSync("zstd", ["-dcq", file], { maxBuffer: 1024 * MB });

test("a dump is compressed, and the newest three of a program stay", async (t) => {
	const handler = await makeHandler(t);
	const pid = await startSleep(t);
	const dump = Buffer.concat([randomBytes(MB), Buffer.alloc(50 * MB)]);
	for (const seconds of [1, 2, 3, 4]) {
		await handler.store(dump, seconds, pid);
		const file = join(handler.dumps, `sleep/core.${pid}.${seconds}.zst`);
		await utimes(file, seconds, seconds);
	}
	t.deepEqual(
		await handler.list("sleep"),
		[2, 3, 4].map((seconds) => `core.${pid}.${seconds}.zst`),
	);
	const file = join(handler.dumps, `sleep/core.${pid}.4.zst`);
	const { size, mode } = await stat(file);
	t.true(size < 1.1 * MB, `${size} bytes`);
	t.is(mode & 0o777, 0o600);
	t.true(decompress(file).equals(dump));
	t.regex(await handler.messages(), /sleep \(process \d+\) crashed; core dump/);
});

test("a process forges no lines in the log by its name", async (t) => {
	const handler = await makeHandler(t);
	const program = join(handler.dumps, "../a\n\nb");
	await copyFile("/bin/sleep", program);
	const child = spawn(program, ["1000"]);
	t.teardown(() => child.kill());
	await once(child, "spawn");
	await handler.store(randomBytes(MB), 1, child.pid);
	t.deepEqual(await readdir(handler.dumps), ["a__b"]);
	t.regex(await handler.messages(), /^a__b .*\n$/);
});

test("a dump over the limit is truncated, and its name says so", async (t) => {
	const handler = await makeHandler(t, { constants: { MAX_KB: 2048 } });
	const pid = await startSleep(t);
	await handler.store(randomBytes(5 * MB), 1, pid);
	t.deepEqual(await handler.list("sleep"), [`core.${pid}.1.truncated.zst`]);
	const file = join(handler.dumps, `sleep/core.${pid}.1.truncated.zst`);
	t.is((await stat(file)).size, 2 * MB);
	t.regex(await handler.messages(), /truncated/);
});

test("a dump that takes too long is truncated, so that the crashed process does not wait forever", async (t) => {
	const handler = await makeHandler(t, { constants: { TIMEOUT_S: 1 } });
	const pid = await startSleep(t);
	const running = handler.start(pid, 1);
	running.stdin.write(randomBytes(MB)); // The rest never comes.
	const [exitCode] = await once(running, "exit");
	t.is(exitCode, 0);
	t.deepEqual(await handler.list("sleep"), [`core.${pid}.1.truncated.zst`]);
});

test("simultaneous dumps are written one after the other; incomplete ones are named .partial", async (t) => {
	const handler = await makeHandler(t);
	const pid = await startSleep(t);
	const first = handler.start(pid, 1);
	const partial = join(handler.dumps, `sleep/core.${pid}.1.zst.partial`);
	first.stdin.write(randomBytes(MB));
	for (let wait = 0; wait < 500 && !existsSync(partial); wait++)
		await setTimeout(20);
	t.true(existsSync(partial));
	const second = handler.store(randomBytes(MB), 2, pid);
	first.stdin.end();
	await Promise.all([once(first, "exit"), second]);
	t.deepEqual(await handler.list("sleep"), [
		`core.${pid}.1.zst`,
		`core.${pid}.2.zst`,
	]);
});

test("old dumps are deleted to make room: uncompressed ones of older versions and partial ones after a power cut", async (t) => {
	const handler = await makeHandler(t, { diskMB: 40, freeMB: 30 });
	const pid = await startSleep(t);
	await mkdir(join(handler.dumps, "node"), { recursive: true });
	for (const [name, seconds] of [
		["core.1.1", 1],
		["core.2.2", 2],
		["core.3.3.zst.partial", 3],
	] as const) {
		const file = join(handler.dumps, "node", name);
		await writeFile(file, randomBytes(1.5 * MB));
		await utimes(file, seconds, seconds);
	}
	await handler.store(randomBytes(1.5 * MB), 4, pid);
	t.deepEqual(await handler.list("node"), ["core.2.2"]);
	t.deepEqual(await handler.list("sleep"), [`core.${pid}.4.zst`]);
});

test("no dump is stored on a disk that is nearly full", async (t) => {
	const handler = await makeHandler(t, { freeMB: 400 });
	const pid = await startSleep(t);
	await handler.store(randomBytes(MB), 1, pid);
	t.deepEqual(await handler.list("sleep"), []);
	t.regex(await handler.messages(), /less than a tenth of the disk is free/);
});
