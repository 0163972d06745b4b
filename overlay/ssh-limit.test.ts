import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";

const program = join(
	import.meta.dirname,
	"both/usr/lib/app-platform/ssh-limit.awk",
);

/** Gives dropbear's log to the program. @returns what it tells nft, and its output. */
function limit(t: ExecutionContext, lines: readonly string[]) {
	const directory = mkdtempSync(join(tmpdir(), "ssh-limit-"));
	t.teardown(() => rmSync(directory, { recursive: true }));
	const commands = join(directory, "commands");
	writeFileSync(commands, "");
	writeFileSync(
		join(directory, "nft"),
		`#!/bin/sh\necho "$*" >>${commands}\n`,
		{ mode: 0o755 },
	);
	const output = execFileSync("awk", ["-f", program], {
		input: lines.map((line) => `${line}\n`).join(""),
		encoding: "utf8",
		env: { ...process.env, PATH: `${directory}:${process.env.PATH}` },
	});
	const added = readFileSync(commands, "utf8").trimEnd().split("\n");
	return { output, added: added.map((line) => line.split(" ssh_limit ")[1]) };
}

let lastProcess = 4_000_000; // Above the largest process ID: nothing is killed.

function connection(address: string, ...then: string[]) {
	lastProcess += 1;
	const at = `${address}:50001`;
	return [
		`Child connection from ${at}`,
		...then.map((text) => text.replace("ADDRESS", at)),
	].map((text) => `[${lastProcess}] Nov 30 22:00:00 ${text}`);
}

const wrong = "Bad password attempt for 'admin' from ADDRESS";
const left = "Exit before auth from <ADDRESS>: (user 'admin', 1 fails): Exited";
const times = <Item>(count: number, item: (n: number) => Item) =>
	Array.from({ length: count }, (_, n) => item(n));

test("a source waits longer with each wrong password", (t) => {
	const lines = times(13, () => connection("192.0.2.1", wrong, left)).flat();
	const { added, output } = limit(t, lines);
	t.is(output, lines.map((line) => `${line}\n`).join(""));
	t.deepEqual(
		added,
		[2, 4, 8, 16, 32, 64, 128, 256, 300].map(
			(seconds) => `waiting4 { 192.0.2.1 timeout ${seconds}s }`,
		),
	);
});

test("an IPv6 /64, loopback, and an address in two spellings are one source", (t) => {
	const fromAll = (addresses: string[]) =>
		limit(
			t,
			addresses.flatMap((one) => connection(one, wrong, left)),
		).added;
	t.deepEqual(fromAll(times(5, (n) => `2001:db8:1:2::${n + 1}`)), [
		"waiting6 { 2001:db8:1:2::/64 timeout 2s }",
	]);
	t.deepEqual(fromAll(times(5, (n) => `2001:db8::${n + 1}:0:0:1`)), [
		"waiting6 { 2001:db8:0:0::/64 timeout 2s }",
	]);
	t.deepEqual(fromAll([...times(4, (n) => `127.0.${n}.1`), "::1"]), [
		"waiting6 { ::1 timeout 2s }",
		"waiting4 { 127.0.0.0/8 timeout 2s }",
	]);
	t.deepEqual(fromAll([...times(4, () => "192.0.2.1"), "::ffff:192.0.2.1"]), [
		"waiting4 { 192.0.2.1 timeout 2s }",
	]);
});

test("who knocks, logs in or mistypes a few times does not wait", (t) => {
	const pubkey =
		"Pubkey auth succeeded for 'admin' with ssh-ed25519 key SHA256:x from ADDRESS";
	const { added } = limit(t, [
		...times(50, () => connection("192.0.2.1", left)).flat(),
		...times(50, () => connection("192.0.2.2", pubkey)).flat(),
		...times(4, () => connection("192.0.2.3", wrong, left)).flat(),
		...times(50, (n) => connection(`198.51.100.${n}`, wrong, left)).flat(),
	]);
	t.deepEqual(
		added,
		[""].map(() => undefined),
	);
});

test("names in the log are not executed", (t) => {
	const { added } = limit(
		t,
		times(9, () => connection("';reboot;'", wrong, left)).flat(),
	);
	t.deepEqual(added, [undefined]);
});

test("of too many pending logins, the oldest of the greediest source ends", async (t) => {
	const directory = mkdtempSync(join(tmpdir(), "ssh-limit-"));
	t.teardown(() => rmSync(directory, { recursive: true }));
	// A process that is called dropbear, as the program requires.
	const dropbear = join(directory, "dropbear");
	execFileSync("cp", ["/bin/sleep", dropbear]);
	const running = times(21, () => {
		const child = execFile(dropbear, ["600"]);
		t.teardown(() => child.kill("SIGKILL"));
		return child;
	});
	const exits = running.map(
		(child, n) =>
			new Promise<number>((resolve) => child.once("exit", () => resolve(n))),
	);
	const line = (n: number, address: string) =>
		`[${running[n]?.pid}] Nov 30 22:00:00 Child connection from ${address}:50001`;
	limit(t, [
		...times(3, (n) => line(n, `198.51.100.${n}`)),
		...times(17, (n) => line(n + 3, `2001:db8::${n}`)),
		line(20, "192.0.2.1"),
	]);
	t.is(await Promise.race(exits), 3);
	t.is(running.filter(({ signalCode }) => signalCode !== null).length, 1);
});
