import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { text } from "node:stream/consumers";
import test from "ava";
import { makeStore } from "../../../development/make-store.ts";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";

// A developer uploads archives of a store with one app.
const id = "troublemaker";
const appliance = await TestAppliance.create();
const directory = join(appliance.manager.directory, "store");

test.before(async () => {
	await makeStore(
		[join(import.meta.dirname, "../../../testing/troublemaker")],
		directory,
	);
	await appliance.start();
});
test.after.always(() => appliance.remove());

const services = async () => (await appliance.done("services")).services;

/** Uploads an archive as a developer does. */
async function upload(archive: Buffer | string | Readable) {
	const { status, body } = await appliance.upload(
		"app-archive",
		"application/x-tar",
		archive,
	);
	return { status, message: body.error?.message as string, body };
}

const tar = (...args: string[]) =>
	execFileSync("tar", ["-C", directory, ...args], {
		maxBuffer: 64 * 1024 * 1024,
	});

test.serial("an app is uploaded in developer mode only", async (t) => {
	const archive = tar("-c", ".");
	t.regex((await upload(archive)).message, /developer mode only/);
	t.deepEqual(await appliance.done("developerMode"), { isOn: false });
	await appliance.done("developerModeChange", { isOn: true });
	t.like(await upload(archive), { status: 200, body: { id, build: "1" } });
	await until(
		"the service runs",
		async () => (await services())[0].state === "running",
	);
	t.pass();
});

test.serial(
	"archives that are not a store are refused with a reason",
	async (t) => {
		const before = await services();
		const link = ["--transform", "s,^\\./apps.json$,1/x,", "-c", "./apps.json"];
		for (const [archive, reason] of [
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
			t.regex(message, reason);
		}
		t.deepEqual(await services(), before);
	},
);

test.serial(
	"an archive for which the disk has no room is refused before it is sent",
	async (t) => {
		const sent = request({
			socketPath: appliance.manager.socket,
			path: "/manager/api/app-archive",
			method: "POST",
			headers: {
				cookie: await appliance.manager.logIn(),
				"x-forwarded-for": "192.168.0.10",
				"x-forwarded-server": "192.168.0.1",
				"x-forwarded-port": String(appliance.webServer.managerPort),
				"content-type": "application/x-tar",
				"content-length": "1000000000000000",
			},
		});
		sent.on("error", () => {}); // The manager disconnects.
		sent.flushHeaders();
		const [answer] = await once(sent, "response");
		t.is(answer.statusCode, 507);
		t.regex(await text(answer), /archive of 1000 TB needs 2000 TB, but/);
	},
);

test.serial("a stalled upload can be cancelled", async (t) => {
	const before = await services();
	const archive = new PassThrough();
	archive.write(tar("-c", ".").subarray(0, 5_000));
	const answer = upload(archive);
	await until("the download is running", async () =>
		Boolean((await appliance.done("services")).fetching),
	);
	await appliance.done("serviceInstallCancel");
	await until("it is cancelled", async () => {
		const { fetching } = await appliance.done("services");
		return fetching === undefined;
	});
	archive.end();
	t.regex((await answer).message, /was cancelled/);
	t.deepEqual(await services(), before);
});

function symbolicLink(): Buffer {
	const parent = join(appliance.manager.directory, "link");
	mkdirSync(parent);
	symlinkSync("/etc/shadow", join(parent, "apps.json"));
	return execFileSync("tar", ["-C", parent, "-c", "apps.json"]);
}
