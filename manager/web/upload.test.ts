import test from "ava";
import { uploadUpdate } from "./upload.ts";

test("a part whose answer is lost is not sent twice", async (t) => {
	const file = new File([Buffer.alloc(1_500_000, "x")], "update.img");
	const sent: string[] = [];
	let receivedBytes = 0;
	globalThis.fetch = async (url, { body } = {}) => {
		if (!(body instanceof Blob)) return Response.json({ receivedBytes });
		sent.push(String(url).replace(/^.*\?/, ""));
		receivedBytes += body.size;
		if (sent.length === 2) throw new TypeError("the line broke");
		return Response.json({ receivedBytes });
	};
	const shown: number[] = [];
	await uploadUpdate(file, (bytes) => shown.push(bytes));
	t.deepEqual(sent, ["offset=0", "offset=1048576"]);
	t.is(receivedBytes, file.size);
	t.is(shown.at(-1), 1_500_000);
});
