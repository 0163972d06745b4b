import { readFile } from "node:fs/promises";
import {
	createServer,
	type IncomingMessage,
	type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "ava";
import { TestAppliance, until } from "../testing/test-appliance.ts";
import { makeStore } from "./make-store.ts";

// A store that is far away, broken, or not well-meaning.
const id = "troublemaker";
const appliance = await TestAppliance.create();
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
		[join(import.meta.dirname, "../testing/troublemaker")],
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
