import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { TestKey, updateMembers } from "../testing/test-update.ts";
import { ScriptsOnHost } from "./scripts-on-host.ts";

// The rescue system repeats the manager's checks before it changes anything.
const key = await TestKey.create();
const names = "service settings boot-loader verify-slot";

async function staged(
	t: ExecutionContext,
	{ signer = key, target = "x86_64", atTop = [] as string[] } = {},
): Promise<ScriptsOnHost> {
	const host = new ScriptsOnHost("u-boot");
	t.teardown(() => host.remove());
	host.write("etc/app-platform-release", "TARGET=x86_64\n");
	host.write("etc/app-platform-keys/1.pub", publicKey(key));
	for (const [{ name = "" }, content] of await updateMembers(signer, {
		target,
	}))
		host.write(
			`mnt/sda1/${atTop.includes(name) ? "" : "b/"}${name}`,
			content ?? "",
		);
	return host;
}

const publicKey = ({ trusted }: TestKey) =>
	readFileSync(join(trusted, "1.pub"), "utf8");

const verified = (host: ScriptsOnHost) => host.run(names, "verify_slot b");

test("accepts a slot that is complete and signed", async (t) => {
	t.is(verified(await staged(t)).exitCode, 0);
	t.is(verified(await staged(t, { atTop: ["linux"] })).exitCode, 0);
});

test("accepts a signature by any of the trusted keys", async (t) => {
	const signer = await TestKey.create();
	const host = await staged(t, { signer });
	t.regex(verified(host).output, /not signed by a key that this system trusts/);
	host.write("etc/app-platform-keys/2.pub", publicKey(signer));
	t.is(verified(host).exitCode, 0);
});

for (const [name, change, message] of [
	["without its signature", ["SHA256SUMS.minisig", ""], /is not signed/],
	[
		"with another list of hashes",
		["SHA256SUMS", "x  linux\n"],
		/is not signed/,
	],
	["without hashes", ["SHA256SUMS", undefined], /Slot b is empty/],
	["with a changed kernel", ["linux", "kernel"], /linux: FAILED/],
	["without its archive", ["rootfs.tar.xz", undefined], /are damaged/],
	["with another release", ["release", "TARGET=x86_64\n"], /are damaged/],
] as const)
	test(`refuses a slot ${name}`, async (t) => {
		const host = await staged(t);
		const [file, content] = change;
		if (content === undefined)
			execFileSync("rm", [join(host.root, "mnt/sda1/b", file)]);
		else host.write(`mnt/sda1/b/${file}`, content);
		const { exitCode, output } = verified(host);
		t.not(exitCode, 0);
		t.regex(output, message);
	});

test("refuses a slot for another target", async (t) => {
	const { exitCode, output } = verified(await staged(t, { target: "arm64" }));
	t.not(exitCode, 0);
	t.regex(output, /is for arm64, this machine is x86_64/);
});

test("refuses a system that is larger than sda3", async (t) => {
	const host = await staged(t);
	const half = execFileSync("xz", ["-0"], { input: Buffer.alloc(30_000_000) });
	// The build also joins two archives.
	host.write("mnt/sda1/b/rootfs.tar.xz", Buffer.concat([half, half]));
	t.is(host.run(names, "check_room b 60000000").exitCode, 0);
	const { exitCode, output } = host.run(names, "check_room b 59999999");
	t.not(exitCode, 0);
	t.regex(output, /needs 57 MiB, sda3 has 57 MiB/);
	host.write("mnt/sda1/b/rootfs.tar.xz", "no archive");
	t.regex(
		host.run(names, "check_room b 60000000").output,
		/unpacked size of .* is unknown/,
	);
});
