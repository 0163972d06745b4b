import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { request } from "undici";
import { BasicAuthentication } from "./basic-authentication.ts";

const password = "pass:wörd";

async function server() {
	const authentication = new BasicAuthentication(password, "realm");
	const listening = createServer(async (asked, response) => {
		if (await authentication.admits(asked, response)) response.end();
	}).listen(0, "127.0.0.1");
	await once(listening, "listening");
	const { port } = listening.address() as AddressInfo;
	return async (given?: string, address = "192.0.2.1", user = "anybody") => {
		const basic = Buffer.from(`${user}:${given}`).toString("base64");
		const { statusCode, headers, body } = await request(
			`http://127.0.0.1:${port}`,
			{
				reset: true,
				headers: {
					"x-forwarded-for": address,
					...(given !== undefined && { authorization: `Basic ${basic}` }),
				},
			},
		);
		await body.dump();
		listening.unref();
		return { status: statusCode, headers };
	};
}

test("a request with the password is admitted, others get 401", async (t) => {
	const ask = await server();
	t.is((await ask(password)).status, 200);
	t.is((await ask("pass")).status, 401);
	const { status, headers } = await ask();
	t.is(status, 401);
	t.is(headers["www-authenticate"], 'Basic realm="realm", charset="UTF-8"');
});

test("guesses are limited per address, correct passwords elsewhere are not", async (t) => {
	const ask = await server();
	for (let n = 0; n < 20; n += 1) t.is((await ask()).status, 401);
	for (let n = 0; n < 5; n += 1) t.is((await ask(`wrong ${n}`)).status, 401);
	const { status, headers } = await ask("wrong");
	t.is(status, 429);
	t.true(Number(headers["retry-after"]) > 0);
	t.is((await ask(password)).status, 429);
	t.is((await ask(password, "192.0.2.2")).status, 200);
});

test("a client with an old password affects nobody", async (t) => {
	const ask = await server();
	for (let n = 0; n < 100; n += 1) t.is((await ask("old")).status, 401);
	t.is((await ask(password)).status, 200);
});

test("guesses under many user names are limited too", async (t) => {
	const ask = await server();
	for (let n = 0; n < 20; n += 1)
		t.is((await ask(`wrong ${n}`, "192.0.2.1", `user ${n}`)).status, 401);
	t.is((await ask(password, "192.0.2.1", "somebody")).status, 429);
});
