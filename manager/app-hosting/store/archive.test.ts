import { PassThrough } from "node:stream";
import test from "ava";
import { pack } from "tar-stream";
import { OperationError } from "../../shared/operation-error.ts";
import { unpackStore } from "./archive.ts";

const cancelled = new OperationError(
	"conflict",
	"cancelled",
	"It was cancelled",
);

test("an upload that stalls ends when it is cancelled, however early", async (t) => {
	t.timeout(10_000);
	const abort = new AbortController();
	const late = unpackStore(new PassThrough(), "/", () => {}, abort.signal);
	abort.abort(cancelled);
	t.is(await t.throwsAsync(late), cancelled);
	const early = unpackStore(new PassThrough(), "/", () => {}, abort.signal);
	t.is(await t.throwsAsync(early), cancelled);
});

test("a file for which the disk has no room is refused before it is written", async (t) => {
	const archive = new PassThrough();
	const entries = pack();
	entries.pipe(archive);
	entries.entry({ name: "apps.json", size: 1_000 });
	const { signal } = new AbortController();
	// The file system /proc has no free space.
	const error = await t.throwsAsync<OperationError>(
		unpackStore(archive, "/proc", () => {}, signal),
	);
	t.is(error?.kind, "noRoom");
});
