import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import {
	createServer,
	type IncomingMessage,
	type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import test from "ava";
import { makeStore } from "../../../development/make-store.ts";
import { browserPage } from "../../../testing/browser.ts";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";

// A store that is far away, broken, or not well-meaning.
const id = "troublemaker";
const appliance = await TestAppliance.create();
const browser = browserPage(test, "out/store-page.png");
const folder = join(appliance.manager.directory, "store");
type Serve = (
	request: IncomingMessage,
	response: ServerResponse,
	content: Buffer,
) => void;
const asItIs: Serve = (_request, response, content) => response.end(content);
let serve: Serve = asItIs;

const server = createServer(async (request, response) => {
	const content = await readFile(join(folder, request.url ?? "")).catch(
		() => undefined,
	);
	if (!content) response.writeHead(404).end();
	else if (request.url?.endsWith("/troublemaker"))
		serve(request, response, content);
	else response.end(content);
});

test.before(async () => {
	await makeStore(
		[join(import.meta.dirname, "../../../testing/troublemaker")],
		folder,
	);
	await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
	const { port } = server.address() as AddressInfo;
	await appliance.start();
	await appliance.done("storeUrlChange", { url: `http://127.0.0.1:${port}` });
});
test.after.always(async () => {
	server.closeAllConnections();
	server.close();
	await appliance.remove();
});

const services = async () => (await appliance.done("services")).services;
const install = () => appliance.call("serviceInstall", { id });

/** The refusal's words; nothing is installed. */
async function refusal(): Promise<string> {
	const { status, body } = await install();
	if (status < 400 || (await services()).length > 0)
		throw new Error(`It was not refused but answered ${status}`);
	return body.error.message;
}

test.serial("a server that is not there is named", async (t) => {
	const url = (await appliance.done("storeUrl")).url;
	await appliance.done("storeUrlChange", { url: "http://127.0.0.1:1/apps" });
	t.regex(
		(await appliance.call("storeApps")).body.error.message,
		/http:\/\/127\.0\.0\.1:1\/apps\/apps\.json/,
	);
	await appliance.done("storeUrlChange", { url });
});

test.serial("an endless file is not taken", async (t) => {
	t.timeout(60_000);
	serve = (_request, response) => {
		const part = Buffer.alloc(1024 * 1024);
		const more = () => {
			while (!response.destroyed && response.write(part));
		};
		response.on("drain", more);
		more();
	};
	t.regex(await refusal(), /more than 268435456 bytes/);
});

test.serial("who leads elsewhere is not followed", async (t) => {
	serve = (_request, response) =>
		response.writeHead(302, { location: "file:///etc/shadow" }).end();
	t.regex(await refusal(), /leads to file:/);
	serve = (request, response) =>
		response.writeHead(302, { location: request.url }).end();
	t.regex(await refusal(), /more than 5 times/);
});

test.serial("other bytes than the checksum's are not taken", async (t) => {
	serve = (_request, response, content) => response.end(`${content}//`);
	t.regex(await refusal(), /damaged: its checksum is not that/);
});

test.serial("a slow download is cancelled", async (t) => {
	serve = (_request, response) => response.write("#!");
	const refused = install();
	await until("it is under way", async () => {
		const { fetching } = await appliance.done("services");
		return fetching?.receivedBytes > 0;
	});
	await appliance.done("serviceInstallCancel");
	t.regex((await refused).body.error.message, /was cancelled/);
	t.is((await appliance.call("serviceInstallCancel")).status, 409);
	t.is((await appliance.done("services")).fetching, undefined);
});

test.serial(
	"what changes on the way is fetched from its beginning",
	async (t) => {
		let requests = 0;
		serve = (_request, response, content) => {
			requests += 1;
			response.setHeader("etag", `"${requests}"`);
			if (requests > 1) return void response.end(content);
			response.writeHead(200, { "content-length": content.length });
			response.write(Buffer.alloc(1_000), () => response.destroy());
		};
		t.is((await install()).status, 200);
		t.is(requests, 2);
		await appliance.done("serviceRemove", { id });
	},
);

/** What says where a part begins. */
const partOf = ({ length }: Buffer, start: number) => ({
	"content-range": `bytes ${start}-${length - 1}/${length}`,
});

test.serial("a download goes on where its line broke", async (t) => {
	const ranges: (string | undefined)[] = [];
	serve = (request, response, content) => {
		const { range } = request.headers;
		ranges.push(range);
		const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
		t.is(request.headers["if-range"], range && '"one"');
		response.writeHead(range ? 206 : 200, {
			etag: '"one"',
			"content-length": content.length - start,
			...(range && partOf(content, start)),
		});
		const end = Math.min(start + 1_000, content.length);
		response.write(content.subarray(start, end), () => {
			if (end < content.length) response.destroy();
			else response.end();
		});
	};
	t.is((await install()).status, 200);
	// How much of a part is there when its line breaks is chance.
	t.regex(ranges.find((range) => range) ?? "", /^bytes=\d+-$/);
	t.is((await services())[0].id, id);
});

/** Sends some bytes, and nothing more on that line. */
function sendPart(
	response: ServerResponse,
	content: Buffer,
	sizeBytes: number,
): void {
	response.writeHead(200, {
		etag: '"one"',
		...(sizeBytes < content.length && { "content-length": content.length }),
	});
	response.write(content.subarray(0, sizeBytes));
}

const state = async () => {
	const { services, fetching, interrupted } = await appliance.done("services");
	return { services, fetching, interrupted };
};

/** Sends the rest to whom names what it has. @returns the ranges that were asked for. */
function sendRest(etag: string): (string | undefined)[] {
	const ranges: (string | undefined)[] = [];
	serve = ({ headers }, response, content) => {
		ranges.push(headers.range);
		const start =
			headers["if-range"] === etag
				? Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0)
				: 0;
		const status = start === 0 ? 200 : start < content.length ? 206 : 416;
		response.writeHead(status, {
			etag,
			...(status === 206 && partOf(content, start)),
		});
		response.end(status === 416 ? "" : content.subarray(start));
	};
	return ranges;
}

const removed = () => appliance.done("serviceRemove", { id });
const interrupted = { id, build: "1", receivedBytes: 1_000 };

/** Installs as far as these bytes, and ends the manager. @returns its exit code. */
async function interrupt(
	sizeBytes: number,
	signal: NodeJS.Signals = "SIGKILL",
) {
	serve = (_request, response, content) =>
		sendPart(response, content, sizeBytes);
	void install().catch(() => {});
	await until("it is under way", async () => {
		const { fetching } = await state();
		return fetching?.receivedBytes === sizeBytes;
	});
	const code = await appliance.manager.stop(signal);
	await appliance.startManager("the installation of an app was interrupted");
	return code;
}

for (const signal of ["SIGKILL", "SIGTERM"] as const)
	test.serial(
		`what had arrived before ${signal} is not fetched again`,
		async (t) => {
			await removed();
			t.is(await interrupt(1_000, signal), signal === "SIGTERM" ? 0 : null);
			t.deepEqual(await state(), {
				services: [],
				fetching: undefined,
				interrupted,
			});
			const ranges = sendRest('"one"');
			t.is((await install()).status, 200);
			t.deepEqual(ranges, ["bytes=1000-"]);
			await until(
				"it runs",
				async () => (await services())[0].state === "running",
			);
			t.is((await state()).interrupted, undefined);
		},
	);

test.serial("what has changed meanwhile is fetched anew", async (t) => {
	await removed();
	await interrupt(1_000);
	const ranges = sendRest('"two"');
	t.is((await install()).status, 200);
	t.deepEqual(ranges, ["bytes=1000-"]);
});

test.serial(
	"a part of another version, though not asked for, is not taken",
	async (t) => {
		await removed();
		const sums = join(folder, "1/troublemaker_sha256");
		const text = await readFile(sums);
		await rm(sums);
		await interrupt(1_000);
		// Knows no If-Range, and has another version by now.
		const ranges: (string | undefined)[] = [];
		serve = ({ headers: { range } }, response, content) => {
			ranges.push(range);
			const changed = Buffer.concat([Buffer.from("#!/bin/false\n"), content]);
			response.writeHead(range ? 206 : 200, {
				etag: '"two"',
				...(range && partOf(changed, 1_000)),
			});
			response.end(range ? changed.subarray(1_000) : content);
		};
		t.is((await install()).status, 200);
		t.deepEqual(ranges, ["bytes=1000-", undefined]);
		await writeFile(sums, text);
	},
);

test.serial("another part than was asked for is not taken", async (t) => {
	await removed();
	await interrupt(1_000);
	const ranges: (string | undefined)[] = [];
	serve = ({ headers: { range } }, response, content) => {
		ranges.push(range);
		if (!range) return void response.end(content);
		response.writeHead(206, { etag: '"one"', ...partOf(content, 500) });
		response.end(content.subarray(500));
	};
	t.is((await install()).status, 200);
	t.deepEqual(ranges, ["bytes=1000-", undefined]);
});

test.serial(
	"of what is complete without a checksum the rest is nothing",
	async (t) => {
		await removed();
		const sums = join(folder, "1/troublemaker_sha256");
		const text = await readFile(sums);
		await rm(sums);
		const { size } = await stat(join(folder, "1/x86_64", id, id));
		await interrupt(size);
		const ranges = sendRest('"one"');
		t.is((await install()).status, 200);
		t.deepEqual(ranges, [`bytes=${size}-`, undefined]);
		await writeFile(sums, text);
	},
);

test.serial("what is complete with a checksum is not asked for", async (t) => {
	await removed();
	const { size } = await stat(join(folder, "1/x86_64", id, id));
	await interrupt(size);
	const ranges = sendRest('"one"');
	t.is((await install()).status, 200);
	t.deepEqual(ranges, []);
});

test.serial("the page offers to go on with it", async (t) => {
	const { page } = browser;
	await removed();
	await interrupt(1_000);
	const ranges = sendRest('"one"');
	await page.goto(`${appliance.origin}/manager/`);
	await page.getByLabel("Password").fill("pwd");
	await page.getByRole("button", { name: "Log in" }).click();
	await page.getByRole("button", { name: "Apps" }).click();
	const words = page.getByText(/installation of troublemaker, build 1, was/);
	await words.waitFor();
	await page.getByRole("button", { name: "Go on with it" }).click();
	await page.getByText("Troublemaker 1.0, build 1: running").waitFor();
	await words.waitFor({ state: "detached" });
	t.deepEqual(ranges, ["bytes=1000-"]);
	t.deepEqual(browser.complaints, []);
	await page.close();
});

test.serial("what was interrupted is given up", async (t) => {
	await removed();
	await interrupt(1_000);
	t.deepEqual((await state()).interrupted, interrupted);
	await appliance.done("serviceInstallCancel");
	t.is((await state()).interrupted, undefined);
	t.is((await appliance.call("serviceInstallCancel")).status, 409);
	const ranges = sendRest('"one"');
	t.is((await install()).status, 200);
	t.deepEqual(ranges, [undefined]);
});

test.serial(
	"a line that stays broken is said, and nothing is lost",
	async (t) => {
		t.timeout(120_000);
		await removed();
		let requests = 0;
		serve = (_request, response, content) => {
			requests += 1;
			if (requests > 1) response.destroy();
			else sendPart(response, content, 1_000);
		};
		const refused = install();
		await until(
			"it is under way",
			async () => (await state()).fetching?.receivedBytes === 1_000,
		);
		server.closeAllConnections();
		t.regex(
			(await refused).body.error.message,
			/install it again, and it goes on/,
		);
		t.deepEqual((await state()).interrupted, interrupted);
		const ranges = sendRest('"one"');
		t.is((await install()).status, 200);
		t.deepEqual(ranges, ["bytes=1000-"]);
	},
);

/** What `tar -c` makes of a store's folder, sent as a developer does. */
async function upload(archive: Buffer | string | Readable) {
	const { status, body } = await appliance.upload(
		"app-archive",
		"application/x-tar",
		archive,
	);
	return { status, message: body.error?.message as string, body };
}

const tar = (...args: string[]) =>
	execFileSync("tar", ["-C", folder, ...args], { maxBuffer: 64 * 1024 * 1024 });

test.serial("an app is uploaded in developer mode only", async (t) => {
	await appliance.done("serviceRemove", { id });
	const archive = tar("-c", ".");
	t.regex((await upload(archive)).message, /developer mode only/);
	t.deepEqual(await appliance.done("developerMode"), { isOn: false });
	await appliance.done("developerModeChange", { isOn: true });
	t.like(await upload(archive), { status: 200, body: { id, build: "1" } });
	await until("it runs", async () => (await services())[0].state === "running");
	t.pass();
});

test.serial("archives that are no store's are refused in words", async (t) => {
	const before = await services();
	const link = ["--transform", "s,^\\./apps.json$,1/x,", "-c", "./apps.json"];
	for (const [archive, words] of [
		["hello", /cannot be used/],
		[tar("-c", "1"), /has no .*apps\.json/],
		[tar("-c", ".").subarray(0, 5_000), /cannot be used/],
		[tar("-P", "--transform", "s,^,../,", "-c", "apps.json"), /no name/],
		[tar("-P", "--transform", "s,^,/etc/,", "-c", "apps.json"), /no name/],
		[tar(...link), /has no .*apps\.json/],
		[symbolicLink(), /is a symlink/],
	] as const) {
		const { status, message } = await upload(archive);
		t.true(status >= 400, message);
		t.regex(message, words);
	}
	t.deepEqual(await services(), before);
});

test.serial("an upload that stalls can be given up", async (t) => {
	const before = await services();
	const archive = new PassThrough();
	archive.write(tar("-c", ".").subarray(0, 5_000));
	const answer = upload(archive);
	await until("it is under way", async () =>
		Boolean((await appliance.done("services")).fetching),
	);
	await appliance.done("serviceInstallCancel");
	await until("it has ended", async () => {
		const { fetching } = await appliance.done("services");
		return fetching === undefined;
	});
	archive.end();
	t.regex((await answer).message, /was cancelled/);
	t.deepEqual(await services(), before);
});

function symbolicLink(): Buffer {
	const place = join(appliance.manager.directory, "link");
	mkdirSync(place);
	symlinkSync("/etc/shadow", join(place, "apps.json"));
	return execFileSync("tar", ["-C", place, "-c", "apps.json"]);
}
