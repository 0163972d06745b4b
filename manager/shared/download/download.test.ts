import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { download, type PartialFile, requestRemainder } from "./download.ts";
import { DownloadRefused } from "./follow-redirects.ts";

const oldContent = Buffer.alloc(3_000, "old");
const newContent = Buffer.alloc(3_500, "new");
const old = "Thu, 01 Jan 2026 00:00:00 GMT";
const newer = "Fri, 02 Jan 2026 00:00:00 GMT";

interface Version {
	content: Buffer;
	headers: Record<string, string>;
	/** As some servers do. */
	ignoresIfRange?: boolean;
}

/** A web server with one file, whose first request is interrupted after 1,000 bytes; then the file is the second version. */
async function serve(t: ExecutionContext, first: Version, second: Version) {
	const requests: IncomingHttpHeaders[] = [];
	const server = createServer((request, response) => {
		requests.push(request.headers);
		const isFirst = requests.length === 1;
		const { content, headers, ignoresIfRange } = isFirst ? first : second;
		const { range, "if-range": ifRange } = request.headers;
		const isSame =
			ignoresIfRange || Object.values(headers).includes(String(ifRange));
		const start = range && isSame ? Number(/\d+/.exec(range)?.[0]) : 0;
		const { length } = content;
		if (start > 0 && start >= length)
			return void response
				.writeHead(416, { ...headers, "content-range": `bytes */${length}` })
				.end();
		response.writeHead(start === 0 ? 200 : 206, {
			...headers,
			"content-length": length - start,
			...(start > 0 && {
				"content-range": `bytes ${start}-${length - 1}/${length}`,
			}),
		});
		if (!isFirst) return void response.end(content.subarray(start));
		response.write(content.subarray(0, 1_000), () => response.destroy());
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	return { requests, url: `http://127.0.0.1:${port}/file` };
}

/** Keeps the file in memory. */
class Memory {
	content: Buffer = Buffer.alloc(0);
	validator: string | undefined;

	async received(): Promise<PartialFile> {
		return { bytes: this.content.length, validator: this.validator };
	}

	async keep({ bytes, validator }: PartialFile): Promise<void> {
		this.content = this.content.subarray(0, bytes);
		this.validator = validator;
	}

	async write(chunk: Uint8Array, position: number): Promise<void> {
		if (position !== this.content.length) throw new Error("wrong position");
		this.content = Buffer.concat([this.content, chunk]);
	}

	attempt(url: string): Promise<void> {
		return download(
			(received, signal) => requestRemainder(url, received, signal),
			this,
			() => {},
			new AbortController().signal,
		);
	}
}

const cases: Record<string, [first: Version, second: Version, range: string]> =
	{
		"resumes with the entity tag": [
			{ content: oldContent, headers: { etag: '"1"' } },
			{ content: oldContent, headers: { etag: '"1"' } },
			"bytes=1000-",
		],
		"resumes with an old date": [
			{ content: oldContent, headers: { "last-modified": old } },
			{ content: oldContent, headers: { "last-modified": old } },
			"bytes=1000-",
		],
		"starts over when the entity tag has changed": [
			{ content: oldContent, headers: { etag: '"1"', "last-modified": old } },
			{ content: newContent, headers: { etag: '"2"', "last-modified": old } },
			"bytes=1000-",
		],
		"starts over when the date has changed": [
			{ content: oldContent, headers: { "last-modified": old } },
			{ content: newContent, headers: { "last-modified": newer } },
			"bytes=1000-",
		],
		"starts over with a server that ignores If-Range": [
			{ content: oldContent, headers: { etag: '"1"' } },
			{ content: newContent, headers: { etag: '"2"' }, ignoresIfRange: true },
			"bytes=1000-",
		],
		"starts over without a validator": [
			{ content: oldContent, headers: {} },
			{ content: newContent, headers: {}, ignoresIfRange: true },
			"",
		],
		"starts over with a weak entity tag": [
			{ content: oldContent, headers: { etag: 'W/"1"', "last-modified": old } },
			{ content: newContent, headers: { etag: 'W/"1"' }, ignoresIfRange: true },
			"",
		],
		"starts over with a date so recent that the file may change within its second":
			[
				{
					content: oldContent,
					headers: { "last-modified": new Date().toUTCString() },
				},
				{ content: newContent, headers: {}, ignoresIfRange: true },
				"",
			],
	};

for (const [name, [first, second, range]] of Object.entries(cases))
	test(name, async (t) => {
		const { requests, url } = await serve(t, first, second);
		const file = new Memory();
		await t.throwsAsync(file.attempt(url));
		t.is(file.content.length, 1_000);
		await file.attempt(url);
		t.deepEqual(file.content, second.content);
		t.is(requests[1]?.range ?? "", range);
	});

test("a complete file is not downloaded again", async (t) => {
	const version = { content: oldContent, headers: { etag: '"1"' } };
	const { requests, url } = await serve(t, version, version);
	const file = new Memory();
	file.content = oldContent;
	file.validator = '"1"';
	// The first request is the one that the server would interrupt.
	await file.attempt(url);
	t.deepEqual(file.content, oldContent);
	t.is(requests.length, 1);
});

test("a refusal differs from an error that is worth a retry", async (t) => {
	const server = createServer((request, response) =>
		response.writeHead(Number(request.url?.slice(1))).end(),
	);
	await once(server.listen(0, "127.0.0.1"), "listening");
	t.teardown(() => server.close());
	const { port } = server.address() as AddressInfo;
	const answer = (status: number) =>
		t.throwsAsync(new Memory().attempt(`http://127.0.0.1:${port}/${status}`), {
			message: `the server answers ${status}`,
		});
	t.like(await answer(404), { name: "DownloadRefused", status: 404 });
	t.false((await answer(503)) instanceof DownloadRefused);
});
