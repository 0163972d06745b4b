import test from "ava";
import { uploadUpdate } from "./upload.ts";

test.serial("a part whose answer is lost is not sent twice", async (t) => {
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
	t.deepEqual(sent, [
		"offset=0&totalBytes=1500000",
		"offset=1048576&totalBytes=1500000",
	]);
	t.is(receivedBytes, file.size);
	t.is(shown.at(-1), 1_500_000);
});

test.serial(
	"an upload that has no room on the disk is not repeated",
	async (t) => {
		let calls = 0;
		globalThis.fetch = async () => {
			calls += 1;
			const error = { code: "noRoom", message: "make room" };
			return Response.json({ error }, { status: 507 });
		};
		await t.throwsAsync(
			uploadUpdate(new File(["x"], "update.img"), () => {}),
			{ message: "make room" },
		);
		t.is(calls, 1);
	},
);
