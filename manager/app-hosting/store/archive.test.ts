import { PassThrough } from "node:stream";
import test from "ava";
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
