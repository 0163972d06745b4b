import { Readable } from "node:stream";
import test from "ava";
import { bodyChunks } from "./body-chunks.ts";

test("data received before a disconnect is read, however late", async (t) => {
	const body = new Readable({ read() {} });
	body.push(Buffer.alloc(1_000));
	const chunks = bodyChunks(body);
	// One turn of the event loop, as between two packets.
	await new Promise(setImmediate);
	body.destroy(new Error("disconnected"));
	await new Promise(setImmediate);

	let received = 0;
	const read = async () => {
		for await (const chunk of chunks) received += chunk.length;
	};
	await t.throwsAsync(read, { message: "disconnected" });
	t.is(received, 1_000);
});
