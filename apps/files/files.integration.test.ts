import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { TestAppliance, until } from "../../testing/test-appliance.ts";

// Files as WebDAV clients see them: through the web server, the manager, the app and PostgreSQL.
const password = "it's a päss:word";
const authorization = `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;
const megabyte = 1024 * 1024;
const appliance = await TestAppliance.withApp(import.meta.dirname);
const program = join(appliance.manager.directory, "data/apps/files/files");
let path = "";

test.before(async () => {
	path = await appliance.createInstance(
		"app-platform_files",
		"files",
		password,
	);
});
test.after.always(() => appliance.remove());

type Headers = Record<string, string>;
type Body = string | Buffer | Readable;

/** @param name below `dav/`, URL-encoded. */
const dav = (
	method: string,
	name: string,
	headers: Headers = {},
	body?: Body,
) =>
	appliance.fetch(`${path}dav/${name}`, {
		method,
		headers: { authorization, ...headers },
		...(body !== undefined && { body }),
	});

const put = (name: string, body: Body, headers: Headers = {}) =>
	dav("PUT", name, headers, body);
const to = (name: string) => `${appliance.origin}${path}dav/${name}`;
const list = async (name: string) => {
	const { text } = await dav("PROPFIND", name, { depth: "1" });
	return [...text.matchAll(/<D:href>([^<]*)<\/D:href>/g)].map(([, href]) =>
		href?.slice(`${path}dav/`.length),
	);
};

/** Counts the stored contents and chunks, with and without a file. */
async function stored() {
	const database = await appliance.database("files");
	try {
		const { rows } = await database.query(
			`SELECT (SELECT count(*)::integer FROM content) AS contents,
				(SELECT count(*)::integer FROM chunk) AS chunks`,
		);
		return rows[0] as { contents: number; chunks: number };
	} finally {
		await database.end();
	}
}

const untilStored = async (expected: { contents: number; chunks: number }) => {
	await until("unused contents are deleted", async () => {
		const { contents, chunks } = await stored();
		return contents === expected.contents && chunks === expected.chunks;
	});
};

/** A body that stalls after some bytes, until it is ended or interrupted. */
function stalling(sizeBytes: number) {
	const gate = new EventEmitter();
	async function* content() {
		const opened = once(gate, "open");
		for (let sent = 0; sent < sizeBytes; sent += megabyte)
			yield randomBytes(megabyte);
		await opened;
	}
	return {
		body: Readable.from(content()),
		end: () => gate.emit("open"),
		interrupt: () => gate.emit("error", new Error("interrupted")),
	};
}

/** Memory of the app's process. */
function memoryMb(field: "VmRSS" | "VmHWM"): number {
	const pid = execFileSync("pgrep", ["-f", program]).toString().trim();
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

test.serial("without the password nothing is served", async (t) => {
	const other = await appliance.createInstance(
		"app-platform_files",
		"guarded",
		password,
	);
	const ask = async (url: string, headers = {}) => {
		const answer = await appliance.request(url, { method: "GET", headers });
		await answer.body.dump();
		return answer.statusCode;
	};
	const guess = (word: string) => ({
		authorization: `Basic ${Buffer.from(`ann:${word}`).toString("base64")}`,
	});
	for (const below of ["", "dav/", "dav/secret", "elsewhere"])
		t.is(await ask(other + below), 401);
	t.is(await ask(`${other}dav/`, { authorization }), 200);
	for (let n = 0; n < 5; n += 1)
		t.is(await ask(`${other}dav/`, guess(`guess ${n}`)), 401);
	t.is(await ask(`${other}dav/`, guess("guess")), 429);
	t.is(await ask(`${other}dav/`, { authorization }), 429);
	t.is((await dav("PROPFIND", "", { depth: "0" })).status, 207);
});

test.serial(
	"a client that takes many locks leaves some to others",
	async (t) => {
		const lock = (name: string, timeout = "Infinite, Second-4100000000") =>
			dav(
				"LOCK",
				`locks/${name}`,
				{ depth: "0", timeout },
				'<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>',
			);
		await dav("MKCOL", "locks");
		for (let n = 1; n <= 100; n += 1)
			t.is((await lock(`locked-${n}`)).status, 201, `lock ${n}`);
		t.is((await lock("locked-101")).status, 507);
		t.is((await lock("locked-1")).status, 423);
		const database = await appliance.database("files");
		const { rows } = await database.query(
			"SELECT max(expires - now()) <= interval '1 hour' AS short FROM lock",
		);
		t.true(rows[0].short);
		// As if another client had taken them.
		await database.query("UPDATE lock SET holder = '192.0.2.1'");
		const another = await lock("another", "Second-60");
		t.is(another.status, 201);
		t.regex(another.text, /Second-60</);
		await database.query("DELETE FROM lock");
		await database.end();
		t.is((await dav("DELETE", "locks/")).status, 204);
	},
);

test.serial("GET and PUT support ranges and conditions", async (t) => {
	const content = randomBytes(300_000);
	const created = await put("range", content, { "content-type": "image/png" });
	t.is(created.status, 201);
	const whole = await dav("GET", "range");
	t.is(whole.status, 200);
	t.true(whole.bytes.equals(content));
	t.is(whole.headers["content-type"], "image/png");
	const { etag = "" } = whole.headers;
	t.is(created.headers.etag, etag);
	// Within a chunk, across its end, and at the end of the file.
	for (const [range, first, last] of [
		["0-0", 0, 0],
		["131071-131072", 131_071, 131_072],
		["100000-", 100_000, 299_999],
		["-5", 299_995, 299_999],
	] as const) {
		const part = await dav("GET", "range", { range: `bytes=${range}` });
		t.is(part.status, 206);
		t.is(part.headers["content-range"], `bytes ${first}-${last}/300000`);
		t.deepEqual(part.bytes, content.subarray(first, last + 1));
	}
	t.is((await dav("GET", "range", { range: "bytes=300000-" })).status, 416);
	const other = { range: "bytes=0-0", "if-range": '"other"' };
	t.is((await dav("GET", "range", other)).status, 200);
	t.is((await dav("GET", "range", { "if-none-match": etag })).status, 304);
	const head = await dav("HEAD", "range");
	t.is(head.headers["content-length"], "300000");
	t.is(head.bytes.length, 0);
	t.is((await put("range", "x", { "if-none-match": "*" })).status, 412);
	t.is((await put("range", "x", { "if-match": '"other"' })).status, 412);
	t.is((await put("range", "", { "if-match": etag })).status, 204);
	const empty = await dav("GET", "range");
	t.is(empty.headers["content-length"], "0");
	t.is(
		(await put("range", "x", { "content-range": "bytes 0-0/1" })).status,
		400,
	);
	t.is((await dav("DELETE", "range")).status, 204);
});

test.serial(
	"names may have any characters, but must not lead elsewhere",
	async (t) => {
		for (const name of [
			...[
				"a b",
				"100%",
				"?",
				"#",
				"<&>\"'",
				"Füße",
				"日本語 😀",
				"...",
				"-",
				"~",
			],
			"x".repeat(255),
		]) {
			const encoded = encodeURIComponent(name);
			t.is((await put(encoded, name)).status, 201, name);
			t.is((await dav("GET", encoded)).text, name);
			t.deepEqual(await list(""), ["", encoded]);
			const move = { destination: to(`moved-${encoded}`.slice(0, 250)) };
			t.is((await dav("MOVE", encoded, move)).status, 201, name);
			t.is((await dav("DELETE", `moved-${encoded}`.slice(0, 250))).status, 204);
		}
		for (const name of ["../", "..", "%2e%2e/x", "a%2Fb", "%00", "%FF", "a//b"])
			t.is((await put(name, "x")).status, 400, name);
		t.is((await put("y".repeat(256), "x")).status, 414);
		for (const destination of [
			"https://example.org/dav/x",
			`${appliance.origin}/example.com/guarded/dav/x`,
			`${appliance.origin}${path}x`,
		])
			t.is((await dav("COPY", "", { destination })).status, 502, destination);
		t.deepEqual(await list(""), [""]);
	},
);

test.serial("trees are copied and moved as a whole", async (t) => {
	const before = await stored();
	for (const name of ["tree/", "tree/a/", "tree/a/b/"])
		t.is((await dav("MKCOL", name)).status, 201);
	await put("tree/one", "1");
	await put("tree/a/b/two", randomBytes(200_000));
	const patch = `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>
		<x:color xmlns:x="urn:x" xml:lang="en">red</x:color></D:prop></D:set></D:propertyupdate>`;
	t.regex((await dav("PROPPATCH", "tree/a", {}, patch)).text, /200 OK/);
	const full = await stored();
	t.is((await dav("COPY", "tree", { destination: to("copy") })).status, 201);
	t.deepEqual(await stored(), full, "copies share their contents");
	t.deepEqual(await list("copy/a/b/"), ["copy/a/b/", "copy/a/b/two"]);
	const { text } = await dav("PROPFIND", "copy/a", { depth: "0" });
	t.regex(text, /<x:color xmlns:x="urn:x" xml:lang="en">red<\/x:color>/);

	await put("copy/one", "changed");
	t.is((await dav("GET", "tree/one")).text, "1");
	const refused = { destination: to("tree"), overwrite: "F" };
	t.is((await dav("MOVE", "copy", refused)).status, 412);
	t.is((await dav("MOVE", "copy", { destination: to("tree") })).status, 204);
	t.is((await dav("GET", "tree/one")).text, "changed");
	t.is((await dav("GET", "copy/one")).status, 404);
	const shallow = { destination: to("shallow"), depth: "0" };
	t.is((await dav("COPY", "tree", shallow)).status, 201);
	t.deepEqual(await list("shallow/"), ["shallow/"]);
	for (const name of ["tree", "tree/a/inside", ""])
		t.is((await dav("MOVE", "tree", { destination: to(name) })).status, 403);
	t.is(
		(await dav("MOVE", "tree", { destination: to("no/where") })).status,
		409,
	);
	for (const name of ["tree", "shallow"]) await dav("DELETE", name);
	await untilStored(before);
});

test.serial("a copy or move that would be too deep is refused", async (t) => {
	let deep = "";
	for (let level = 0; level < 40; level += 1) {
		deep += "d/";
		t.is((await dav("MKCOL", deep)).status, 201);
	}
	await dav("MKCOL", "e");
	const beneath = { destination: to(`${deep}e`) };
	t.is((await dav("COPY", "e", beneath)).status, 201);
	await dav("COPY", "d", { destination: to("f") });
	const tooDeep = { destination: to(`${deep}f`) };
	t.is((await dav("MOVE", "f", tooDeep)).status, 403);
	for (const name of ["d", "e", "f"])
		t.is((await dav("DELETE", name)).status, 204);
});

test.serial("large directories are listed, whole trees are not", async (t) => {
	await dav("MKCOL", "large");
	const names = Array.from({ length: 250 }, (_, n) => `large/${1000 + n}`);
	for (const name of names) await put(name, "");
	t.deepEqual(await list("large/"), ["large/", ...names]);
	for (const headers of [{ depth: "infinity" }, {}]) {
		const { status, text } = await dav("PROPFIND", "large/", headers);
		t.is(status, 403);
		t.regex(text, /propfind-finite-depth/);
	}
	t.is((await dav("PROPFIND", names[0] ?? "")).status, 207);
	await dav("DELETE", "large");
});

test.serial("hostile XML is refused", async (t) => {
	const find = (body: string) => dav("PROPFIND", "", { depth: "0" }, body);
	const bomb = `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>
		<D:propfind xmlns:D="DAV:"><D:prop><D:x>&b;</D:x></D:prop></D:propfind>`;
	t.is((await find(bomb)).status, 403);
	t.is((await find("<a>".repeat(20_000))).status, 413);
	t.is((await find("x".repeat(100_000))).status, 413);
	t.is((await find("<a>\u0000</a>")).status, 400);
	const value = "v".repeat(5_000);
	const patch = `<propertyupdate xmlns="DAV:"><set><prop><v xmlns="u">${value}</v></prop></set></propertyupdate>`;
	t.is((await dav("PROPPATCH", "", {}, patch)).status, 507);
	const live = `<propertyupdate xmlns="DAV:"><set><prop><getetag>1</getetag><v xmlns="u"/></prop></set></propertyupdate>`;
	const { text } = await dav("PROPPATCH", "", {}, live);
	t.regex(text, /getetag.*403.*<x:v.*424/);
	t.notRegex((await dav("PROPFIND", "", { depth: "0" })).text, /<x:v/);
});

test.serial(
	"of two clients that replace the same version, one wins",
	async (t) => {
		await put("shared", "old");
		const { etag = "" } = (await dav("GET", "shared")).headers;
		const before = await stored();
		const bodies = [randomBytes(megabyte), randomBytes(megabyte)];
		const answers = await Promise.all(
			bodies.map((body) => put("shared", body, { "if-match": etag })),
		);
		t.deepEqual(answers.map(({ status }) => status).sort(), [204, 412]);
		const winner = answers.findIndex(({ status }) => status === 204);
		const { bytes } = await dav("GET", "shared");
		t.true(bodies[winner]?.equals(bytes));
		await untilStored({ contents: before.contents, chunks: 8 });
	},
);

test.serial("a reader gets one version as a whole", async (t) => {
	const old = randomBytes(20 * megabyte);
	await put("shared", old);
	const slow = await appliance.request(`${path}dav/shared`, {
		method: "GET",
		headers: { authorization },
	});
	const upload = stalling(megabyte);
	const writing = put("shared", upload.body);
	await delay(300);
	t.is(
		(await dav("HEAD", "shared")).headers["content-length"],
		String(old.length),
		"an unfinished upload is not visible",
	);
	upload.end();
	t.is((await writing).status, 204);
	t.is((await dav("GET", "shared")).bytes.length, megabyte);
	await dav("DELETE", "shared");
	t.true(old.equals(Buffer.from(await slow.body.arrayBuffer())));
	await untilStored({ contents: 0, chunks: 0 });
});

test.serial("an interrupted upload changes nothing", async (t) => {
	await put("cut", "old");
	const before = await stored();
	const upload = stalling(4 * megabyte);
	const writing = t.throwsAsync(put("cut", upload.body));
	await until(
		"some of it has arrived",
		async () => (await stored()).chunks > 9,
	);
	upload.interrupt();
	await writing;
	await untilStored(before);
	t.is((await dav("GET", "cut")).text, "old");
});

test.serial(
	"an app killed during an upload leaves nothing behind",
	async (t) => {
		const before = await stored();
		const upload = stalling(4 * megabyte);
		const writing = put("cut", upload.body).catch(() => undefined);
		await until(
			"some of it has arrived",
			async () => (await stored()).chunks > 9,
		);
		execFileSync("pkill", ["-KILL", "-f", program]);
		await until("the upload ended", async () => {
			const answer = await Promise.race([writing.then(() => true), delay(100)]);
			return answer === true;
		});
		upload.end();
		await appliance.waitUntilReached(path);
		await until("the file is there", async () => {
			const { status, text } = await dav("GET", "cut");
			return status === 200 && text === "old";
		});
		t.deepEqual(await stored(), before);
		t.is((await put("cut", "new")).status, 204);
		t.is((await dav("GET", "cut")).text, "new");
		await dav("DELETE", "cut");
	},
);

test.serial("a file of 300 MB needs little memory", async (t) => {
	t.timeout(300_000);
	const sizeMb = 300;
	const block = randomBytes(megabyte);
	const sent = createHash("sha256");
	async function* content() {
		for (let n = 0; n < sizeMb; n += 1) {
			block.writeUInt32LE(n);
			sent.update(block);
			yield Buffer.from(block);
		}
	}
	const idle = memoryMb("VmRSS");
	const startMs = performance.now();
	t.is((await put("film", Readable.from(content()))).status, 201);
	const putMs = performance.now();
	const afterPut = memoryMb("VmHWM");
	const { body, headers } = await appliance.request(`${path}dav/film`, {
		method: "GET",
		headers: { authorization },
	});
	t.is(headers["content-length"], String(sizeMb * megabyte));
	const received = createHash("sha256");
	for await (const piece of body) received.update(piece);
	t.is(received.digest("hex"), sent.digest("hex"));
	const peak = memoryMb("VmHWM");
	const seconds = (ms: number) => (ms / 1000).toFixed(1);
	t.log(
		`memory: idle ${idle.toFixed()} MB, after PUT ${afterPut.toFixed()} MB, peak ${peak.toFixed()} MB`,
		`PUT ${seconds(putMs - startMs)} s, GET ${seconds(performance.now() - putMs)} s`,
	);
	t.true(peak < idle + 60, `${peak} MB`);
	t.is((await dav("DELETE", "film")).status, 204);
	await untilStored({ contents: 0, chunks: 0 });
});

test.serial("browsers get a page, and run no script of a file", async (t) => {
	const root = await appliance.request(path, {
		method: "GET",
		headers: { authorization },
	});
	await root.body.dump();
	t.is(root.headers.location, "dav/");
	await dav("MKCOL", "folder");
	t.is((await dav("GET", "folder")).headers.location, `${path}dav/folder/`);
	const page = await dav("GET", "folder/");
	t.regex(page.text, /<title>Files/);
	t.regex(page.headers["content-security-policy"] ?? "", /frame-ancestors/);
	const evil = { "content-type": "text/html" };
	await put("evil", "<script>alert(1)</script>", evil);
	const { headers } = await dav("GET", "evil");
	t.is(headers["content-security-policy"], "sandbox");
	t.is(headers["x-content-type-options"], "nosniff");
	t.is((await dav("POST", "evil")).status, 405);
	t.regex((await dav("POST", "evil")).headers.allow ?? "", /PROPFIND/);
});
