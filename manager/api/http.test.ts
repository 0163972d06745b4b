import test from "ava";
import { fastify } from "fastify";
import * as z from "zod";
import { defineOperation, type Operation } from "../operations/operation.ts";
import { serveOverHttp } from "./http.ts";
import type { BrowserSessions } from "./session-cookie.ts";

Object.assign(globalThis, { MANAGER_VERSION: "1.2.3" });

test("the OpenAPI document is built once, whoever requests it how often", async (t) => {
	let builds = 0;
	class CountedTable extends Map<string, Operation> {
		override values() {
			builds += 1;
			return super.values();
		}
	}
	const wave = defineOperation({
		...{ name: "wave", summary: "Waves", permission: "everyone" },
		...{ input: z.strictObject({}), output: z.object({}) },
		handle: () => ({}),
	});
	const server = fastify();
	t.teardown(() => server.close());
	const operations = new CountedTable([["wave", wave]]);
	builds = 0;
	serveOverHttp(server, { operations, streams: [] }, {} as BrowserSessions);
	const documents = [];
	for (let count = 0; count < 3; count++) {
		const answer = await server.inject("/openapi.json");
		t.regex(String(answer.headers["content-type"]), /^application\/json/);
		documents.push(answer.body);
	}
	t.is(builds, 1);
	t.is(new Set(documents).size, 1);
	t.is(JSON.parse(documents[0] ?? "").paths["/wave"].post.summary, "Waves");
});
