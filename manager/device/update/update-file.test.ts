import { copyFile, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import {
	archiveOf,
	type Member,
	TestKey,
	updateMembers,
} from "../../../testing/test-update.ts";
import type { UpdateError } from "./update-error.ts";
import { maxUpdateBytes, readUpdate } from "./update-file.ts";

const key = await TestKey.create();
const good = await updateMembers(key);
const goodFile = await archiveOf(good);

async function read(content: Buffer) {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-update-"));
	const file = join(directory, "file");
	await writeFile(file, content);
	try {
		return await readUpdate(file, { keysDirectory: key.trusted });
	} finally {
		await rm(directory, { recursive: true });
	}
}

/** Reads a file as a check does. @returns the error, or undefined if the file is valid. */
async function check(content: Buffer, target?: string) {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-update-"));
	const file = join(directory, "file");
	await writeFile(file, content);
	try {
		await readUpdate(file, { keysDirectory: key.trusted, target });
		return undefined;
	} catch (error) {
		return error as UpdateError;
	} finally {
		await rm(directory, { recursive: true });
	}
}

const refused = (message: RegExp) => ({ name: "Error", message });

test("a signed file is read completely", async (t) => {
	t.like(await read(goodFile), {
		...{ version: "1.3.0", build: 200_000, target: "x86_64" },
	});
});

test("a check finds a file that is truncated anywhere incomplete, and says how many bytes it has", async (t) => {
	const ends = [1, 100, 511, 512, goodFile.length - 1_024];
	for (let length = 1; length < goodFile.length; length += 40_000)
		ends.push(length);
	for (const { header, content, size } of good.map(([{ name }]) =>
		locate(name ?? ""),
	))
		ends.push(header, content, content + size);
	ends.push(goodFile.length - 1);
	for (const length of ends.filter((length) => length > 0)) {
		const error = await check(goodFile.subarray(0, length));
		t.is(error?.code, "incomplete", `${length} bytes`);
		t.regex(
			error?.message ?? "",
			new RegExp(`incomplete: ${length} bytes were received`),
		);
	}
	t.is(await check(goodFile), undefined);
});

test("installing a truncated file is refused too", async (t) => {
	for (let length = 0; length < goodFile.length; length += 61_440)
		await t.throwsAsync(
			read(goodFile.subarray(0, length)),
			refused(/incomplete|not an App Platform update/),
			`${length} bytes`,
		);
});

const zeros = (count: number) => Buffer.alloc(count);
const endings: [string, Buffer, boolean][] = [
	["zeros up to tar's record size", zeros(9 * 1024), true],
	["more zeros", zeros(20 * 1024), false],
	["one byte", Buffer.from("x"), false],
	["text", Buffer.from("garbage ".repeat(500)), false],
	["another archive", goodFile, false],
	[
		"text after many zeros",
		Buffer.concat([zeros(60_000), Buffer.from("x")]),
		false,
	],
];
for (const [name, rest, isGood] of endings)
	test(`after the last file: ${name}`, async (t) => {
		const content = Buffer.concat([goodFile, rest]);
		const error = await check(content);
		t.is(error?.code, isGood ? undefined : "damaged");
		if (isGood) t.is((await read(content)).build, 200_000);
		else await t.throwsAsync(read(content));
	});

test("an extra file after the end of the archive is found", async (t) => {
	const more = await archiveOf([[{ name: "extra" }, Buffer.from("extra")]]);
	const error = await check(Buffer.concat([goodFile, more]));
	t.is(error?.code, "damaged");
	t.regex(error?.message ?? "", /extra is not a signed file/);
});

test("an update for another target is refused by its first files, even if incomplete", async (t) => {
	for (const content of [goodFile, goodFile.subarray(0, 4_096)])
		t.is((await check(content, "arm64"))?.code, "wrongTarget");
	t.is(await check(goodFile, "x86_64"), undefined);
});

test("a file larger than any update is refused without reading it", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-update-"));
	t.teardown(() => rm(directory, { recursive: true }));
	const file = join(directory, "file");
	await writeFile(file, goodFile);
	await truncate(file, maxUpdateBytes + 1);
	const error = await t.throwsAsync<UpdateError>(
		readUpdate(file, { keysDirectory: key.trusted }),
	);
	t.is(error?.code, "tooLarge");
});

test("any other file is refused by its first bytes", async (t) => {
	for (const text of ["x", "SHA256SUMS.minisign", "<html>", "\0".repeat(2_000)])
		t.is((await check(Buffer.from(text)))?.code, "notAnUpdate");
});

test("a check can be cancelled", async (t) => {
	const cancelling = new AbortController();
	const directory = await mkdtemp(join(tmpdir(), "app-platform-update-"));
	t.teardown(() => rm(directory, { recursive: true }));
	await writeFile(join(directory, "file"), goodFile);
	const reading = readUpdate(join(directory, "file"), {
		keysDirectory: key.trusted,
		signal: cancelling.signal,
	});
	cancelling.abort(new Error("cancelled"));
	await t.throwsAsync(reading, { message: "cancelled" });
});

for (const [{ name }] of good)
	test(`a flipped byte in ${name} or before it is found`, async (t) => {
		const { header, content, size } = locate(name ?? "");
		const places = [
			...[0, 100, 124, 148, 156].map((byte) => header + byte),
			...[0, 0.5, 1].map((part) => content + Math.floor((size - 1) * part)),
		];
		// minisign does not sign the first line of the signature, a comment.
		if (name === "SHA256SUMS.minisig") places.splice(5, 1);
		for (const place of places) {
			const flipped = Buffer.from(goodFile);
			flipped[place] = (flipped[place] ?? 0) ^ 1;
			await t.throwsAsync(
				read(flipped),
				refused(
					/not an App Platform update|not signed|damaged|incomplete|not a file/,
				),
				`byte ${place}`,
			);
			const { code } = (await check(flipped)) ?? {};
			t.false(
				[undefined, "incomplete"].includes(code),
				`byte ${place}: ${code}`,
			);
		}
	});

/** Returns the offsets of a member of the archive. */
function locate(wanted: string) {
	let header = 0;
	for (const [{ name }, content] of good) {
		const size = content?.length ?? 0;
		if (name === wanted) return { header, content: header + 512, size };
		header += 512 + Math.ceil(size / 512) * 512;
	}
	throw new Error(`There is no ${wanted}`);
}

test("the next key is trusted beside the current one", async (t) => {
	const next = await TestKey.create();
	const keys = await mkdtemp(join(tmpdir(), "app-platform-keys-"));
	t.teardown(() => rm(keys, { recursive: true }));
	for (const [index, one] of [key, next].entries())
		await copyFile(join(one.trusted, "1.pub"), join(keys, `${index + 1}.pub`));
	for (const one of [key, next]) {
		const file = join(keys, "file");
		await writeFile(file, await archiveOf(await updateMembers(one)));
		t.is((await readUpdate(file, { keysDirectory: keys })).build, 200_000);
	}
});

test("an update signed by another key is refused", async (t) => {
	const other = await TestKey.create();
	await t.throwsAsync(
		read(await archiveOf(await updateMembers(other))),
		refused(/not signed by a key that this system trusts/),
	);
});

test("an update without a signature is refused", async (t) => {
	await t.throwsAsync(
		read(await archiveOf(good.slice(1))),
		refused(/not an App Platform update/),
	);
});

const additions: Record<string, [Member, RegExp]> = {
	"a file that is not signed": [
		[{ name: "extra" }, Buffer.from("extra")],
		/extra is not a signed file/,
	],
	"a symlink": [
		[{ name: "link", type: "symlink", linkname: "/etc/shadow" }],
		/link is a symlink, not a file/,
	],
	"a path out of the directory": [
		[{ name: "../../etc/passwd" }, Buffer.from("x")],
		/is not a valid file name/,
	],
	"an absolute path": [
		[{ name: "/etc/passwd" }, Buffer.from("x")],
		/is not a valid file name/,
	],
	"a file that appears twice": [
		[{ name: "linux" }, Buffer.from("x")],
		/linux appears twice/,
	],
	"a device": [
		[{ name: "disk", type: "block-device" }],
		/disk is a block-device, not a file/,
	],
};
for (const [name, [member, message]] of Object.entries(additions))
	test(`${name} is refused`, async (t) => {
		await t.throwsAsync(
			read(await archiveOf([...good, member])),
			refused(message),
		);
	});

test("a file that claims to have 10 GB is refused by its header", async (t) => {
	const head = await archiveOf(good.slice(0, 3));
	const claim = await archiveOf([[{ name: "linux" }, Buffer.alloc(600, "x")]]);
	const header = claim.subarray(0, 512);
	header.write("120000000000", 124, "latin1");
	const sum = header.fill(" ", 148, 156).reduce((all, byte) => all + byte, 0);
	header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
	await t.throwsAsync(
		read(Buffer.concat([head.subarray(0, head.length - 1_024), claim])),
		refused(/linux has 10\d+ bytes, an update has at most/),
	);
});

test("a large extended header is not read into memory", async (t) => {
	const head = await archiveOf(good.slice(0, 3));
	const [header] = pieces(
		await archiveOf([
			[{ name: "x", pax: { path: "linux" } }, Buffer.from("x")],
		]),
	);
	header?.write("07777777777", 124, "latin1");
	const sum =
		header?.fill(" ", 148, 156).reduce((all, byte) => all + byte, 0) ?? 0;
	header?.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
	for (const start of [head.subarray(0, head.length - 1_024), Buffer.alloc(0)])
		await t.throwsAsync(
			read(Buffer.concat([start, header ?? head, Buffer.alloc(100_000, "x")])),
			refused(/not an App Platform update|damaged after release/),
		);
});

function pieces(archive: Buffer): Buffer[] {
	return Array.from({ length: archive.length / 512 }, (_, index) =>
		archive.subarray(index * 512, index * 512 + 512),
	);
}

test("a missing file is named", async (t) => {
	const content = await archiveOf(good.slice(0, -1));
	const error = await t.throwsAsync<UpdateError>(read(content));
	t.is(error?.message, "The file is damaged: rootfs.tar.xz is missing");
	t.is((await check(content))?.code, "damaged");
});
