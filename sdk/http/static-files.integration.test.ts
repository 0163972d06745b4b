import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import {
	appendFile,
	mkdir,
	readFile,
	symlink,
	truncate,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import test from "ava";
import { TestAppliance } from "../../testing/test-appliance.ts";

// An app's files as browsers get them: installed from the store, served through the web server.
const source = join(import.meta.dirname, "../../testing/static-site");
const appliance = await TestAppliance.withApp(source);
const directory = join(appliance.manager.directory, "data/apps/static-site");
const script = readFileSync(join(source, "web/assets/list.js"));
const largeBytes = 300 * 1024 * 1024;
let path = "";

test.before(async () => {
	const web = join(directory, "web");
	await writeFile(join(web, "large.bin"), "");
	await truncate(join(web, "large.bin"), largeBytes);
	await writeFile(join(web, "empty.txt"), "");
	await writeFile(join(web, "digits.txt"), "0123456789");
	await writeFile(join(web, "Füße 100%.txt"), "name");
	await writeFile(join(web, ".hidden"), "secret");
	await mkdir(join(web, ".git"));
	await writeFile(join(web, ".git/config"), "secret");
	await symlink("../static-site", join(web, "program"));
	await symlink("/etc", join(web, "etc"));
	await symlink(".hidden", join(web, "hidden"));
	await symlink("digits.txt", join(web, "numbers.txt"));
	await symlink("loop", join(web, "loop"));
	execFileSync("mkfifo", [join(web, "pipe")]);
	path = await appliance.createInstance("static-site", "site", "password");
	await appliance.waitForStatus(path);
});
test.after.always(() => appliance.remove());

type Headers = Record<string, string>;

/** @param name below the instance's path, as it is sent. */
const get = (name: string, headers: Headers = {}, method = "GET") =>
	appliance.fetch(path + name, { method, headers });

test("a page and its script are served unchanged", async (t) => {
	const page = await get("");
	t.is(page.status, 200);
	t.is(page.headers["content-type"], "text/html; charset=utf-8");
	t.is(page.headers["cache-control"], "no-cache");
	t.is(page.headers["x-content-type-options"], "nosniff");
	t.deepEqual(page.bytes, await readFile(join(source, "web/index.html")));
	const { headers, bytes } = await get("assets/list.js?v=1");
	t.deepEqual(bytes, script);
	t.is(headers["content-type"], "text/javascript; charset=utf-8");
	t.is(headers["content-length"], String(script.length));
	t.regex(headers["cache-control"] ?? "", /immutable/);
	const again = await get("assets/list.js?v=1");
	t.regex(again.headers["cache-control"] ?? "", /immutable/);
	t.is((await get("F%C3%BC%C3%9Fe%20100%25.txt")).text, "name");
	t.is((await get("numbers.txt")).text, "0123456789");
	t.is((await get("empty.txt")).status, 200);
	t.is(
		(await get("large.bin", {}, "HEAD")).headers["content-type"],
		"application/octet-stream",
	);
});

test("the client gets the stored encoding that it prefers", async (t) => {
	const encoding = async (accepted: string) => {
		const { headers, bytes } = await get("assets/list.js", {
			"accept-encoding": accepted,
		});
		t.is(headers.vary, "accept-encoding");
		t.is(headers["content-type"], "text/javascript; charset=utf-8");
		const name = headers["content-encoding"];
		const content =
			name === "br"
				? brotliDecompressSync(bytes)
				: name === "gzip"
					? gunzipSync(bytes)
					: bytes;
		t.deepEqual(content, script, accepted);
		return name;
	};
	t.is(await encoding("gzip, deflate, br, zstd"), "br");
	t.is(await encoding("gzip, deflate"), "gzip");
	t.is(await encoding("br;q=0.5, gzip;q=0.9"), "gzip");
	t.is(await encoding("br;q=0, GZIP;q=0"), undefined);
	t.is(await encoding("gzip;q=0, *"), "br");
	t.is(await encoding("br;q=0.1, identity"), undefined);
	t.is(await encoding("deflate"), undefined);
	t.is(await encoding("identity;q=0, zstd"), undefined);
	t.is(await encoding(";;,=q,br;q=x"), undefined);
	const stored = join(directory, "web/assets/list.js.br");
	const { bytes } = await get("assets/list.js", { "accept-encoding": "br" });
	t.deepEqual(bytes, await readFile(stored));
});

test("an unchanged file is not sent again", async (t) => {
	const plain = await get("assets/list.js");
	const small = await get("assets/list.js", { "accept-encoding": "br" });
	const { etag = "", "last-modified": modified = "" } = plain.headers;
	t.regex(etag, /^"[^"]+"$/);
	t.not(small.headers.etag, etag);
	const again = await get("assets/list.js", { "if-none-match": etag });
	t.is(again.status, 304);
	t.is(again.text, "");
	t.is(again.headers.etag, etag);
	t.is(again.headers.vary, "accept-encoding");
	const status = async (headers: Headers) =>
		(await get("assets/list.js", headers)).status;
	t.is(await status({ "if-none-match": `"x", W/${etag}` }), 304);
	t.is(await status({ "if-none-match": '"x"' }), 200);
	t.is(await status({ "if-none-match": etag, "accept-encoding": "br" }), 200);
	t.is(await status({ "if-modified-since": modified }), 304);
	t.is(await status({ "if-modified-since": new Date(0).toUTCString() }), 200);
	t.is(await status({ "if-match": '"x"' }), 412);
	const head = await get("assets/list.js", {}, "HEAD");
	t.is(head.status, 200);
	t.is(head.text, "");
	t.is(head.headers["content-length"], String(script.length));
});

test("a changed file has a new ETag", async (t) => {
	const file = join(directory, "web/changing.txt");
	await writeFile(file, "one");
	const before = await get("changing.txt");
	await appendFile(file, " two");
	const headers = { "if-none-match": before.headers.etag ?? "" };
	const after = await get("changing.txt", headers);
	t.is(after.status, 200);
	t.is(after.text, "one two");
});

test("one range is sent, if If-Range matches", async (t) => {
	const part = async (range: string, more: Headers = {}) => {
		const { status, headers, text } = await get("digits.txt", {
			range,
			...more,
		});
		return [status, text, headers["content-range"]];
	};
	t.deepEqual(await part("bytes=2-4"), [206, "234", "bytes 2-4/10"]);
	t.deepEqual(await part("bytes=8-"), [206, "89", "bytes 8-9/10"]);
	t.deepEqual(await part("bytes=-3"), [206, "789", "bytes 7-9/10"]);
	t.deepEqual(await part("bytes=10-"), [416, "", "bytes */10"]);
	for (const range of ["bytes=0-1,3-4", "bytes=4-2", "lines=1-2", "bytes="])
		t.deepEqual(await part(range), [200, "0123456789", undefined]);
	const { etag = "" } = (await get("digits.txt")).headers;
	t.is((await part("bytes=0-1", { "if-range": etag }))[0], 206);
	t.is((await part("bytes=0-1", { "if-range": `W/${etag}` }))[0], 200);
	t.is((await part("bytes=0-1", { "if-range": '"x"' }))[0], 200);
	t.is((await get("digits.txt", { range: "bytes=0-1" }, "HEAD")).status, 200);
	const end = await get("large.bin", { range: `bytes=${largeBytes - 5}-` });
	t.is(end.bytes.length, 5);
});

test("only visible files of the directory are served", async (t) => {
	for (const name of [
		...["../static-site", "..%2fstatic-site", "%2e%2e/static-site"],
		...[
			"..%5cstatic-site",
			"assets/../../static-site",
			".hidden",
			".git/config",
		],
		...["%2ehidden", "hidden", "program", "etc/passwd", "etc%2fpasswd"],
		...["//etc/passwd", "%2fetc/passwd", "list.js%00.html", "%", "%ff"],
		...["loop", "pipe", "assets", "assets/", "index.html/", "x".repeat(5_000)],
	]) {
		const { status, text } = await get(name);
		t.is(status, 404, name);
		t.notRegex(text, /secret|root:|require/, name);
	}
	t.is(
		(await get("index.html", {}, "POST")).text,
		"POST /index.html is for the app",
	);
	t.is((await get("elsewhere")).text, "GET /elsewhere is for the app");
});

test("a large file needs little memory, and clients may disconnect", async (t) => {
	t.timeout(120_000);
	for (let n = 0; n < 3; n += 1) {
		const aborted = await appliance.request(`${path}large.bin`, {
			method: "GET",
		});
		await once(aborted.body, "readable");
		aborted.body.destroy();
		aborted.body.on("error", () => {});
	}
	const { statusCode, body } = await appliance.request(`${path}large.bin`, {
		method: "GET",
	});
	t.is(statusCode, 200);
	let received = 0;
	for await (const chunk of body) received += chunk.length;
	t.is(received, largeBytes);
	const program = join(directory, "static-site");
	const pid = execFileSync("pgrep", ["-f", program]).toString().trim();
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	const peakMb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
	t.log(`peak memory ${Math.round(peakMb)} MB`);
	t.true(peakMb < 150);
	t.is((await get("digits.txt")).status, 200);
});
