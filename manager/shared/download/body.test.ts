import test from "ava";
import { bodyChunks } from "./body.ts";

test("what arrived before the line broke is read, however late", async (t) => {
	let broken = () => {};
	const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
		start(line) {
			line.enqueue(new Uint8Array(1_000));
			broken = () => line.error(new Error("the line broke"));
		},
	});
	const chunks = bodyChunks(body);
	// One turn of the event loop, as between two packets.
	await new Promise(setImmediate);
	broken();
	await new Promise(setImmediate);

	let received = 0;
	const read = async () => {
		for await (const chunk of chunks) received += chunk.length;
	};
	await t.throwsAsync(read, { message: "the line broke" });
	t.is(received, 1_000);
});
