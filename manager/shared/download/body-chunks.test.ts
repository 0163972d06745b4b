import test from "ava";
import { bodyChunks } from "./body-chunks.ts";

test("data received before a disconnect is read, however late", async (t) => {
	let disconnect = () => {};
	const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
		start(controller) {
			controller.enqueue(new Uint8Array(1_000));
			disconnect = () => controller.error(new Error("disconnected"));
		},
	});
	const chunks = bodyChunks(body);
	// One turn of the event loop, as between two packets.
	await new Promise(setImmediate);
	disconnect();
	await new Promise(setImmediate);

	let received = 0;
	const read = async () => {
		for await (const chunk of chunks) received += chunk.length;
	};
	await t.throwsAsync(read, { message: "disconnected" });
	t.is(received, 1_000);
});
