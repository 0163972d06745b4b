import { readFile, rm, stat, writeFile } from "node:fs/promises";
import {
	createServer,
	type IncomingMessage,
	type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "ava";
import { makeStore } from "../../../development/make-store.ts";
import { browserPage } from "../../../testing/browser.ts";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";

// A store that is slow, broken or malicious.
const id = "troublemaker";
const appliance = await TestAppliance.create();
const browser = browserPage(test, "out/store-page.png");
const directory = join(appliance.manager.directory, "store");
type Serve = (
	request: IncomingMessage,
	response: ServerResponse,
	content: Buffer,
) => void;
let serve: Serve = (_request, response, content) => response.end(content);

const server = createServer(async (request, response) => {
	const content = await readFile(join(directory, request.url ?? "")).catch(
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
		directory,
	);
	await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
	const { port } = server.address() as AddressInfo;
	await appliance.start();
	const url = `http://127.0.0.1:${port}`;
	await appliance.done("storeUrlChange", { url });
	await appliance.done("storeTrust", { url, key: null });
});
test.after.always(async () => {
	server.closeAllConnections();
	server.close();
	await appliance.remove();
});

const services = async () => (await appliance.done("services")).services;
const install = () => appliance.call("serviceInstall", { id });

/** Expects that the installation fails. @returns the error message. */
async function refusal(): Promise<string> {
	const { status, body } = await install();
	if (status < 400 || (await services()).length > 0)
		throw new Error(`The installation was not refused: status ${status}`);
	return body.error.message;
}

test.serial("the error names an unreachable server", async (t) => {
	const url = (await appliance.done("storeUrl")).url;
	await appliance.done("storeUrlChange", { url: "http://127.0.0.1:1/apps" });
	t.regex(
		(await appliance.call("storeApps")).body.error.message,
		/http:\/\/127\.0\.0\.1:1\/apps\/apps\.json/,
	);
	await appliance.done("storeUrlChange", { url });
});

test.serial("an endless file is refused", async (t) => {
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

test.serial(
	"redirects to files and redirect loops are not followed",
	async (t) => {
		serve = (_request, response) =>
			response.writeHead(302, { location: "file:///etc/shadow" }).end();
		t.regex(await refusal(), /redirects to file:/);
		serve = (request, response) =>
			response.writeHead(302, { location: request.url }).end();
		t.regex(await refusal(), /more than 5 times/);
	},
);

test.serial("a file with a wrong checksum is refused", async (t) => {
	serve = (_request, response, content) => response.end(`${content}//`);
	t.regex(await refusal(), /damaged: its checksum differs/);
});

test.serial("a slow download is cancelled", async (t) => {
	serve = (_request, response) => response.write("#!");
	const refused = install();
	await until("the download is running", async () => {
		const { fetching } = await appliance.done("services");
		return fetching?.receivedBytes > 0;
	});
	await appliance.done("serviceInstallCancel");
	t.regex((await refused).body.error.message, /was cancelled/);
	t.is((await appliance.call("serviceInstallCancel")).status, 409);
	t.is((await appliance.done("services")).fetching, undefined);
});

test.serial(
	"a download is a job: listed, and cancelled by its id",
	async (t) => {
		serve = (_request, response) => response.write("#!");
		const refused = install();
		const newestJob = async () => (await appliance.done("jobs")).jobs[0];
		await until(
			"the download is running",
			async () => (await newestJob()).done > 0,
		);
		const job = await newestJob();
		t.like(job, {
			...{ kind: "appInstall", subject: id, state: "running" },
			...{ step: id, unit: "bytes", isCancellable: true },
		});
		await appliance.done("jobCancel", { id: job.id });
		t.regex((await refused).body.error.message, /was cancelled/);
		t.like(await newestJob(), { id: job.id, state: "cancelled" });
		t.is((await appliance.done("services")).fetching, undefined);
		const again = await appliance.call("jobCancel", { id: job.id });
		t.like(again, { status: 409, body: { error: { code: "notCancellable" } } });
		t.is((await appliance.call("jobCancel", { id: 12_345 })).status, 404);
	},
);

test.serial(
	"a file that changes during the download is downloaded from the start",
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

test.serial(
	"a file that changes during a download without an entity tag is downloaded from the start",
	async (t) => {
		const ranges: (string | undefined)[] = [];
		serve = ({ headers: { range } }, response, content) => {
			ranges.push(range);
			if (ranges.length > 1) {
				response.writeHead(range ? 206 : 200, {
					...(range && contentRange(content, 1_000)),
				});
				return void response.end(content.subarray(range ? 1_000 : 0));
			}
			response.writeHead(200, { "content-length": content.length });
			response.write(Buffer.alloc(1_000), () => response.destroy());
		};
		t.is((await install()).status, 200);
		t.deepEqual(ranges, [undefined, undefined]);
		await appliance.done("serviceRemove", { id });
	},
);

/** Headers that describe a range. */
const contentRange = ({ length }: Buffer, start: number) => ({
	"content-range": `bytes ${start}-${length - 1}/${length}`,
});

test.serial("a download resumes where the connection broke", async (t) => {
	const ranges: (string | undefined)[] = [];
	serve = (request, response, content) => {
		const { range } = request.headers;
		ranges.push(range);
		const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
		t.is(request.headers["if-range"], range && '"one"');
		response.writeHead(range ? 206 : 200, {
			etag: '"one"',
			"content-length": content.length - start,
			...(range && contentRange(content, start)),
		});
		const end = Math.min(start + 1_000, content.length);
		response.write(content.subarray(start, end), () => {
			if (end < content.length) response.destroy();
			else response.end();
		});
	};
	t.is((await install()).status, 200);
	// How much of a part arrives before the connection breaks varies.
	t.regex(ranges.find((range) => range) ?? "", /^bytes=\d+-$/);
	t.is((await services())[0].id, id);
});

/** Sends some bytes and keeps the connection open. */
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

/** Resumes requests with this entity tag. @returns the requested ranges. */
function serveRanges(etag: string): (string | undefined)[] {
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
			...(status === 206 && contentRange(content, start)),
		});
		response.end(status === 416 ? "" : content.subarray(start));
	};
	return ranges;
}

const uninstall = () => appliance.done("serviceRemove", { id });
const interrupted = { id, build: "1", receivedBytes: 1_000 };

/** Downloads this many bytes and then restarts the manager. @returns its exit code. */
async function interrupt(
	sizeBytes: number,
	signal: NodeJS.Signals = "SIGKILL",
) {
	serve = (_request, response, content) =>
		sendPart(response, content, sizeBytes);
	void install().catch(() => {});
	await until("the download is running", async () => {
		const { fetching } = await state();
		return fetching?.receivedBytes === sizeBytes;
	});
	const code = await appliance.manager.stop(signal);
	await appliance.startManager("the installation of an app was interrupted");
	return code;
}

for (const signal of ["SIGKILL", "SIGTERM"] as const)
	test.serial(
		`the part received before ${signal} is not downloaded again`,
		async (t) => {
			await uninstall();
			t.is(await interrupt(1_000, signal), signal === "SIGTERM" ? 0 : null);
			t.deepEqual(await state(), {
				services: [],
				fetching: undefined,
				interrupted,
			});
			const ranges = serveRanges('"one"');
			t.is((await install()).status, 200);
			t.deepEqual(ranges, ["bytes=1000-"]);
			await until(
				"the service runs",
				async () => (await services())[0].state === "running",
			);
			t.is((await state()).interrupted, undefined);
		},
	);

test.serial(
	"a file that has changed is downloaded from the start",
	async (t) => {
		await uninstall();
		await interrupt(1_000);
		const ranges = serveRanges('"two"');
		t.is((await install()).status, 200);
		t.deepEqual(ranges, ["bytes=1000-"]);
	},
);

/** As in the published layout. @returns a function that restores them. */
async function removeChecksums(): Promise<() => Promise<void>> {
	const files = ["apps.json", "1/troublemaker_sha256"].map((name) =>
		join(directory, name),
	) as [string, string];
	const [catalogue, sums] = files;
	const contents = await Promise.all(files.map((file) => readFile(file)));
	await rm(sums);
	const text = String(contents[0]);
	await writeFile(catalogue, text.replace(/,\s*"sums": "\w+"/, ""));
	return async () => {
		for (const [index, file] of files.entries())
			await writeFile(file, contents[index] ?? "");
	};
}

test.serial(
	"a range of another version from a server without If-Range is refused",
	async (t) => {
		await uninstall();
		const restoreChecksums = await removeChecksums();
		await interrupt(1_000);
		// Ignores If-Range and has another version by now.
		const ranges: (string | undefined)[] = [];
		serve = ({ headers: { range } }, response, content) => {
			ranges.push(range);
			const changed = Buffer.concat([Buffer.from("#!/bin/false\n"), content]);
			response.writeHead(range ? 206 : 200, {
				etag: '"two"',
				...(range && contentRange(changed, 1_000)),
			});
			response.end(range ? changed.subarray(1_000) : content);
		};
		t.is((await install()).status, 200);
		t.deepEqual(ranges, ["bytes=1000-", undefined]);
		await restoreChecksums();
	},
);

test.serial("a range other than requested is refused", async (t) => {
	await uninstall();
	await interrupt(1_000);
	const ranges: (string | undefined)[] = [];
	serve = ({ headers: { range } }, response, content) => {
		ranges.push(range);
		if (!range) return void response.end(content);
		response.writeHead(206, { etag: '"one"', ...contentRange(content, 500) });
		response.end(content.subarray(500));
	};
	t.is((await install()).status, 200);
	t.deepEqual(ranges, ["bytes=1000-", undefined]);
});

test.serial(
	"a complete file without a checksum is downloaded again",
	async (t) => {
		await uninstall();
		const restoreChecksums = await removeChecksums();
		const { size } = await stat(join(directory, "1/x86_64", id, id));
		await interrupt(size);
		const ranges = serveRanges('"one"');
		t.is((await install()).status, 200);
		t.deepEqual(ranges, [`bytes=${size}-`, undefined]);
		await restoreChecksums();
	},
);

test.serial("a complete file with a checksum is not requested", async (t) => {
	await uninstall();
	const { size } = await stat(join(directory, "1/x86_64", id, id));
	await interrupt(size);
	const ranges = serveRanges('"one"');
	t.is((await install()).status, 200);
	t.deepEqual(ranges, []);
});

test.serial("the page offers to resume the installation", async (t) => {
	const { page } = browser;
	await uninstall();
	await interrupt(1_000);
	const ranges = serveRanges('"one"');
	await page.goto(`${appliance.managerOrigin}/manager/`);
	await page.getByLabel("Password").fill("pwd");
	await page.getByRole("button", { name: "Log in" }).click();
	await page.getByRole("button", { name: "Apps" }).click();
	const words = page.getByText(/installation of troublemaker, build 1, was/);
	await words.waitFor();
	await page.getByRole("button", { name: "Go on with it" }).click();
	await page.getByText("Troublemaker 1.0, build 1: running").waitFor();
	await words.waitFor({ state: "detached" });
	t.deepEqual(ranges, ["bytes=1000-"]);
	t.deepEqual(browser.errors, []);
	await page.close();
});

test.serial("an interrupted installation is discarded", async (t) => {
	await uninstall();
	await interrupt(1_000);
	t.deepEqual((await state()).interrupted, interrupted);
	await appliance.done("serviceInstallCancel");
	t.is((await state()).interrupted, undefined);
	t.is((await appliance.call("serviceInstallCancel")).status, 409);
	const ranges = serveRanges('"one"');
	t.is((await install()).status, 200);
	t.deepEqual(ranges, [undefined]);
});

test.serial(
	"a connection that stays broken is reported, and nothing is lost",
	async (t) => {
		t.timeout(120_000);
		await uninstall();
		let requests = 0;
		serve = (_request, response, content) => {
			requests += 1;
			if (requests > 1) response.destroy();
			else sendPart(response, content, 1_000);
		};
		const refused = install();
		await until(
			"the download is running",
			async () => (await state()).fetching?.receivedBytes === 1_000,
		);
		server.closeAllConnections();
		t.regex(
			(await refused).body.error.message,
			/install the app again to resume/,
		);
		t.deepEqual((await state()).interrupted, interrupted);
		const ranges = serveRanges('"one"');
		t.is((await install()).status, 200);
		t.deepEqual(ranges, ["bytes=1000-"]);
	},
);
