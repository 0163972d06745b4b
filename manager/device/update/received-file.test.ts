import {
	mkdtemp,
	readdir,
	readFile,
	rename,
	rm,
	symlink,
	truncate,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { OperationError } from "../../shared/operation-error.ts";
import { ReceivedFile } from "./received-file.ts";
import type { UpdateError } from "./update-error.ts";
import { maxUpdateBytes } from "./update-file.ts";

const first = Buffer.alloc(1_000, "a");
const second = Buffer.alloc(1_000, "b");

async function emptyReceivedFile(t: ExecutionContext) {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-received-"));
	t.teardown(() => rm(directory, { recursive: true }));
	return { directory, file: new ReceivedFile(directory) };
}

test("a chunk that is resent while the first is being written is stored once", async (t) => {
	const { file } = await emptyReceivedFile(t);
	await file.add(0, first);
	const results = await Promise.allSettled([
		file.add(1_000, second),
		file.add(1_000, second),
	]);
	t.deepEqual(
		results.map(({ status }) => status),
		["fulfilled", "rejected"],
	);
	t.deepEqual(await readFile(file.path), Buffer.concat([first, second]));
});

test("a file that grows too large is refused and deleted", async (t) => {
	const { directory, file } = await emptyReceivedFile(t);
	await file.resumeFrom("https://store.example/update.img");
	await file.add(0, first);
	// As if all of this had been received.
	await truncate(file.path, maxUpdateBytes);
	const error = await t.throwsAsync<UpdateError>(
		file.add(maxUpdateBytes, first),
	);
	t.is(error?.code, "tooLarge");
	t.deepEqual(await readdir(directory), []);
});

test("a download resumes only from the same URL", async (t) => {
	const { directory, file } = await emptyReceivedFile(t);
	await file.resumeFrom("https://store.example/one.img");
	await file.add(0, first);
	await new ReceivedFile(directory).resumeFrom("https://store.example/one.img");
	t.is(await file.size(), 1_000);
	await file.resumeFrom("https://store.example/two.img");
	t.is(await file.size(), 0);
});

test("a download keeps its validator, and deletes the bytes of another", async (t) => {
	const { directory, file } = await emptyReceivedFile(t);
	const url = "https://store.example/one.img";
	const restarted = async () => {
		const found = new ReceivedFile(directory);
		await found.resumeFrom(url);
		return found;
	};
	await file.resumeFrom(url);
	await file.keep({ bytes: 0, validator: '"1"' });
	await file.write(first, 0);
	t.deepEqual(await (await restarted()).received(), {
		bytes: 1_000,
		validator: '"1"',
	});
	await file.keep({ bytes: 0, validator: undefined });
	await file.write(second, 0);
	t.deepEqual(await (await restarted()).received(), {
		bytes: 1_000,
		validator: undefined,
	});
	t.deepEqual(await readFile(file.path), second);
});

async function* chunks(...parts: (Buffer | Error)[]) {
	for (const part of parts) {
		if (part instanceof Error) throw part;
		yield part;
	}
}

test("an interrupted upload keeps what was received and is resumed", async (t) => {
	const { file } = await emptyReceivedFile(t);
	const whole = { offset: 0, totalBytes: 2_000 };
	await t.throwsAsync(file.receive(whole, chunks(first, new Error("gone"))), {
		message: "gone",
	});
	t.is(await file.size(), 1_000);
	t.is(await file.announcedBytes(), 2_000);
	for (const [part, code] of [
		[{ offset: 500, totalBytes: 2_000 }, "wrongOffset"],
		[{ offset: 1_000, totalBytes: 2_001 }, "wrongFile"],
		[{ offset: 0, totalBytes: maxUpdateBytes + 1 }, "tooLarge"],
	] as const) {
		const error = await t.throwsAsync<UpdateError>(
			file.receive(part, chunks(second)),
		);
		t.is(error?.code, code);
	}
	const rest = { offset: 1_000, totalBytes: 2_000 };
	t.is(await file.receive(rest, chunks(second)), 2_000);
	t.deepEqual(await readFile(file.path), Buffer.concat([first, second]));
	// A download starts from the beginning.
	await file.resumeFrom("https://store.example/one.img");
	t.is(await file.size(), 0);
	t.is(await file.announcedBytes(), undefined);
});

test("a full data partition is reported, and the file is deleted", async (t) => {
	const { directory, file } = await emptyReceivedFile(t);
	const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
	const error = await t.throwsAsync<UpdateError>(
		file.receive({ offset: 0, totalBytes: 2_000 }, chunks(first, full)),
	);
	t.is(
		error?.message,
		"The data partition is full: make room on /mnt/sda2 first",
	);
	t.deepEqual(await readdir(directory), []);
	await symlink("/dev/full", file.path);
	await t.throwsAsync(file.add(0, first), { message: error?.message ?? "" });
	t.deepEqual(await readdir(directory), []);
});

// The file system /proc has no free space.
test("a file for which the disk has no room is refused before it is received", async (t) => {
	const file = new ReceivedFile("/proc");
	const part = { offset: 0, totalBytes: 1_000 };
	for (const refused of [
		file.assertContinues(part),
		file.receive(part, chunks(first)),
		file.add(0, first),
	])
		await t.throwsAsync(refused, {
			message: /^The update file needs 1\.0 KB, but there is only room for 0 B/,
		});
});

test("a file whose size is not known is refused when the disk has no room left", async (t) => {
	const { directory, file } = await emptyReceivedFile(t);
	async function* onFillingDisk() {
		yield first;
		await rename(directory, `${directory}.before`);
		await symlink("/proc", directory);
		yield second;
	}
	t.teardown(() => rm(`${directory}.before`, { recursive: true }));
	const part = { offset: 0, totalBytes: undefined };
	const error = await t.throwsAsync<OperationError>(
		file.receive(part, onFillingDisk()),
	);
	t.is(error?.kind, "noRoom");
});
