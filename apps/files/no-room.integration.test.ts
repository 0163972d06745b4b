import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request } from "node:https";
import test from "ava";
import { TestAppliance, until } from "../../testing/test-appliance.ts";

// Files when there is no room, on the disk or in the database.
const password = "a password";
const authorization = `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;
const appliance = await TestAppliance.withApp(import.meta.dirname);
let path = "";

test.before(async () => {
	path = await appliance.createInstance(
		"app-platform_files",
		"files",
		password,
	);
});
test.after.always(() => appliance.remove());

const dav = (method: string, name: string, body?: string | Buffer) =>
	appliance.fetch(`${path}dav/${name}`, {
		method,
		headers: { authorization },
		...(body !== undefined && { body }),
	});
const put = (name: string, body: string | Buffer) => dav("PUT", name, body);

async function storedChunks(): Promise<number> {
	const database = await appliance.database("files");
	try {
		const { rows } = await database.query(
			"SELECT count(*)::integer AS chunks FROM chunk",
		);
		return rows[0].chunks;
	} finally {
		await database.end();
	}
}

test.serial(
	"a file for which the disk has no room is refused before it is sent",
	async (t) => {
		const before = await storedChunks();
		const sent = request(`${appliance.origin}${path}dav/large`, {
			method: "PUT",
			rejectUnauthorized: false,
			headers: { authorization, "content-length": "1000000000000000" },
		});
		sent.on("error", () => {}); // The web server disconnects.
		// Nothing follows the headers.
		sent.flushHeaders();
		const [answer] = await once(sent, "response");
		sent.destroy();
		t.is(answer.statusCode, 507);
		t.is(await storedChunks(), before);
	},
);

test.serial(
	"files can be read and deleted when their database has reached its limit",
	async (t) => {
		await put("large", randomBytes(20 * 1024 * 1024));
		await put("small", "small");
		await appliance.done("databaseLimitChange", { megabytes: 16 });
		await until(
			"the database is read-only",
			async () => (await put("more", "more")).status === 507,
		);
		t.regex((await put("more", "more")).text, /has reached its limit/);
		const { instances } = await appliance.done("instances");
		const [{ id }] = instances.filter(
			({ name }: { name: string }) => name === "files",
		);
		await appliance.done("instanceStop", { id });
		await appliance.done("instanceStart", { id });
		await appliance.waitForStatus(path, 401);
		t.is((await dav("GET", "small")).text, "small");
		const chunks = await storedChunks();
		t.is((await dav("DELETE", "large")).status, 204);
		await until(
			"its content is deleted",
			async () => (await storedChunks()) < chunks - 100,
		);
		await appliance.done("instanceCleanUpDatabase", { id });
		await until("there is room again", async () => {
			// Setting the limit checks the sizes at once.
			await appliance.done("databaseLimitChange", { megabytes: 16 });
			return (await put("more", "more")).status < 300;
		});
		await appliance.done("databaseLimitChange", { megabytes: null });
	},
);
