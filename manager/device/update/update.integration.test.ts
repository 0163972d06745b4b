import { once } from "node:events";
import { copyFile, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "ava";
import { TestManager } from "../../../testing/test-manager.ts";
import {
	archiveOf,
	TestKey,
	updateMembers,
} from "../../../testing/test-update.ts";

const manager = await TestManager.create();
const key = await TestKey.create();
const boot = join(manager.directory, "boot-partition");
const settings = {
	MANAGER_KEYS_FOLDER: key.trusted,
	MANAGER_BOOT_PARTITION_COMMAND: boot,
	MANAGER_RESTART_COMMAND: join(manager.directory, "restart"),
};
/** As set by a test. */
let password = "pwd";
let cookie = "";

test.before(async () => {
	await copyFile(join(import.meta.dirname, "boot-partition.fixture.sh"), boot);
	await writeFile(
		settings.MANAGER_RESTART_COMMAND,
		`#!/bin/sh\nexec ${boot} restart\n`,
		{ mode: 0o755 },
	);
	await writeFile(
		join(manager.directory, "release"),
		"VERSION=1.2.0\nBUILD=100000\nTARGET=x86_64\n",
	);
	await manager.start("the database is ready", settings);
	cookie = await manager.logIn();
});

test.after.always(() => manager.remove());

const call = (operation: string, input: object = {}) =>
	manager.call(operation, input, { cookie });

function send(content: Buffer, offset: number, from = { cookie }) {
	return manager.post(`update-file?offset=${offset}`, content, {
		...from,
		headers: { "content-type": "application/octet-stream" },
	});
}

async function upload(content: Buffer, partBytes = 100_000) {
	for (let at = 0; at < content.length; at += partBytes) {
		const { status } = await send(content.subarray(at, at + partBytes), at);
		if (status !== 200) throw new Error(`part at ${at}: ${status}`);
	}
}

const isThere = (name: string) =>
	stat(join(manager.directory, name)).then(
		() => true,
		() => false,
	);

test.serial("an upload without a login is refused", async (t) => {
	const { status } = await send(Buffer.from("x"), 0, { cookie: "" });
	t.is(status, 401);
	t.like((await call("updateStatus")).body, { receivedBytes: 0 });
});

test.serial("an upload resumes after the manager was killed", async (t) => {
	const file = await archiveOf(await updateMembers(key));
	t.is((await send(file.subarray(0, 100_000), 0)).status, 200);
	await manager.stop("SIGKILL");
	await manager.start("the database is ready", settings);
	cookie = await manager.logIn();
	const { receivedBytes } = (await call("updateStatus")).body;
	t.is(receivedBytes, 100_000);
	t.is((await send(file.subarray(50_000), 50_000)).status, 409);
	t.is((await send(file.subarray(100_000), 100_000)).status, 200);
	t.like((await call("updateCheck")).body, {
		version: "1.3.0",
		build: 200_000,
	});
});

for (const [name, release, message] of [
	[
		"an older update",
		{ build: 99_999 },
		/is not newer than what runs.*confirm/,
	],
	[
		"the same build",
		{ build: 100_000 },
		/is not newer than what runs.*confirm/,
	],
	[
		"an update for another target",
		{ target: "arm64" },
		/is for arm64, this device is x86_64/,
	],
] as const)
	test.serial(`${name} is refused`, async (t) => {
		await upload(await archiveOf(await updateMembers(key, release)));
		const { status, body } = await call("updateInstall");
		t.is(status, 400);
		t.regex(body.error.message, message);
		t.false(await isThere("b"));
		t.false(await isThere("restarted"));
	});

test.serial(
	"an update that would undo security fixes is refused, also if it is confirmed",
	async (t) => {
		const release = join(manager.directory, "release");
		const content = await readFile(release, "utf8");
		await writeFile(release, `${content}MINIMUM_BUILD=95000\n`);
		t.teardown(() => writeFile(release, content));
		await upload(await archiveOf(await updateMembers(key, { build: 94_999 })));
		const confirmed = { allowOlder: true };
		const { status, body } = await call("updateInstall", confirmed);
		t.like({ status, ...body.error }, { status: 400, code: "belowMinimum" });
		t.regex(body.error.message, /build 95000 and newer/);
		t.false(await isThere("b"));
	},
);

test.serial("a token cannot install an older update", async (t) => {
	await upload(await archiveOf(await updateMembers(key, { build: 99_999 })));
	const newPassword = "a longer password";
	await call("changePassword", { currentPassword: password, newPassword });
	password = newPassword;
	cookie = await manager.logIn(password);
	const token = await call("tokenCreate", {
		name: "updates",
		scopes: ["administer"],
	});
	const { status, body } = await manager.call(
		"updateInstall",
		{ allowOlder: true },
		{ headers: { authorization: `Bearer ${token.body.token}` } },
	);
	t.like({ status, ...body.error }, { status: 403, code: "notForToken" });
	t.false(await isThere("b"));
});

test.serial("a check finds errors before anything is written", async (t) => {
	const file = await archiveOf(await updateMembers(key));
	await upload(file.subarray(0, 200_000));
	const early = await call("updateCheck");
	t.is(early.body.error.code, "incomplete");
	t.regex(early.body.error.message, /200000 bytes were received/);
	t.like((await call("updateStatus")).body, { receivedBytes: 200_000 });
	const altered = Buffer.from(file);
	altered[file.length - 3_000] = 1;
	for (const [content, code, message] of [
		[altered, "damaged", /rootfs.tar.xz is damaged.*The file was deleted/],
		[Buffer.concat([file, Buffer.from("x")]), "damaged", /was deleted/],
		[Buffer.from("text"), "notAnUpdate", /was deleted/],
	] as const) {
		await upload(content);
		const { status, body } = await call("updateCheck");
		t.like({ status, ...body.error }, { status: 400, code });
		t.regex(body.error.message, message);
		t.like((await call("updateStatus")).body, { receivedBytes: 0 });
	}
	t.is((await call("updateCheck")).body.error.code, "nothingReceived");
	t.false((await call("updateCancel")).body.changed);
	await upload(file);
	t.true((await call("updateCancel")).body.changed);
	t.like((await call("updateStatus")).body, { receivedBytes: 0 });
	t.false(await isThere("b"));
});

test.serial("a damaged update leaves nothing behind", async (t) => {
	const file = await archiveOf(await updateMembers(key));
	file[file.length - 3_000] = 1;
	await upload(file);
	const { status, body } = await call("updateInstall");
	t.is(status, 400);
	t.regex(body.error.message, /rootfs.tar.xz is damaged/);
	t.false(await isThere("b"));
	t.false(await isThere("state"));
	t.like((await call("updateStatus")).body, { receivedBytes: 0 });
});

test.serial(
	"an update that cannot be staged leaves nothing behind",
	async (t) => {
		await upload(await archiveOf(await updateMembers(key)));
		await writeFile(join(manager.directory, "broken"), "");
		const { status, body } = await call("updateInstall");
		await rm(join(manager.directory, "broken"));
		t.is(status, 409);
		t.is(body.error.message, "The boot partition is broken");
		t.false(await isThere("b"));
		t.false(await isThere("restarted"));
		// The file itself is valid and stays.
		t.not((await call("updateStatus")).body.receivedBytes, 0);
	},
);

test.serial("an interrupted download resumes where it broke off", async (t) => {
	const file = await archiveOf(await updateMembers(key));
	const ranges: string[] = [];
	const server = createServer((request, response) => {
		const { range = "" } = request.headers;
		ranges.push(range);
		const from = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
		response.writeHead(from === 0 ? 200 : 206, {
			etag: '"one"',
			"content-length": file.length - from,
			...(from > 0 && {
				"content-range": `bytes ${from}-${file.length - 1}/${file.length}`,
			}),
		});
		if (ranges.length > 2) return void response.end(file.subarray(from));
		response.write(file.subarray(from, from + 120_000), () =>
			response.destroy(),
		);
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	t.teardown(() => server.close());
	const { port } = server.address() as AddressInfo;
	await call("updateCancel");
	const url = `http://127.0.0.1:${port}/update-x86_64.img`;
	t.is((await call("updateDownload", { url })).status, 200);
	for (;;) {
		const { body } = await call("updateStatus");
		if (body.step === "idle") break;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	t.is(ranges[0], "");
	t.regex(ranges[1] ?? "", /^bytes=\d+-$/);
	t.like((await call("updateCheck")).body, { build: 200_000 });
});

for (const [words, headers] of [
	["with an entity tag", (part: number) => ({ etag: `"${part}"` })],
	[
		"with a date",
		(part: number) => ({
			"last-modified": new Date(Date.UTC(2026, 0, part)).toUTCString(),
		}),
	],
	["without any", () => ({})],
] as const)
	test.serial(
		`an update that changes at the server during the download is the new one, ${words}`,
		async (t) => {
			const files = [
				await archiveOf(await updateMembers(key, { build: 200_000 })),
				await archiveOf(await updateMembers(key, { build: 200_001 })),
			] as const;
			let requests = 0;
			const server = createServer((request, response) => {
				requests += 1;
				const content = files[requests === 1 ? 0 : 1];
				const validators: Record<string, string> = headers(
					requests === 1 ? 1 : 2,
				);
				const { range, "if-range": ifRange } = request.headers;
				const isSame = Object.values(validators).includes(String(ifRange));
				const start =
					range && (!ifRange || isSame) ? Number(/\d+/.exec(range)?.[0]) : 0;
				response.writeHead(start === 0 ? 200 : 206, {
					...validators,
					"content-length": content.length - start,
					...(start > 0 && {
						"content-range": `bytes ${start}-${content.length - 1}/${content.length}`,
					}),
				});
				if (requests > 1) return void response.end(content.subarray(start));
				response.write(content.subarray(0, 120_000), () => response.destroy());
			});
			await once(server.listen(0, "127.0.0.1"), "listening");
			t.teardown(() => server.close());
			const { port } = server.address() as AddressInfo;
			await call("updateCancel");
			await call("updateDownload", { url: `http://127.0.0.1:${port}/new.img` });
			for (;;) {
				const { body } = await call("updateStatus");
				if (body.step === "idle") break;
				await new Promise((resolve) => setTimeout(resolve, 50));
			}
			t.is(requests, 2);
			t.like((await call("updateCheck")).body, { build: 200_001 });
		},
	);

test.serial(
	"the status shows why a download failed, without what allows it",
	async (t) => {
		const server = createServer((_request, response) => {
			response.writeHead(404).end();
		});
		await once(server.listen(0, "127.0.0.1"), "listening");
		t.teardown(() => server.close());
		const { port } = server.address() as AddressInfo;
		const url = `http://127.0.0.1:${port}/none.img?signature=of-the-download`;
		await call("updateDownload", { url });
		for (;;) {
			const { body } = await call("updateStatus");
			if (body.step !== "idle") continue;
			t.regex(body.problem, /none\.img: .*answers 404/);
			t.notRegex(JSON.stringify(body), /of-the-download/);
			break;
		}
		const [job] = (await call("jobs")).body.jobs;
		t.like(job, {
			...{ kind: "updateDownload", subject: `127.0.0.1:${port}` },
			state: "failed",
		});
		t.regex(job.problem, /answers 404/);
		t.notRegex(JSON.stringify([job, manager.lines]), /of-the-download/);
		t.is(
			(await call("updateDownload", { url: "file:///etc/shadow" })).status,
			400,
		);
	},
);

test.serial("a valid update is staged, and the device restarts", async (t) => {
	await upload(await archiveOf(await updateMembers(key)));
	t.like(await call("updateInstall"), { status: 200 });
	t.is(
		(await readFile(join(manager.directory, "state"), "utf8")).trim(),
		"install",
	);
	t.is((await readFile(join(manager.directory, "b/linux"))).length, 70_000);
	while (!(await isThere("restarted")))
		await new Promise((resolve) => setTimeout(resolve, 50));
	t.like((await call("updateStatus")).body, {
		receivedBytes: 0,
		step: "restarting",
	});
});

test.serial(
	"a healthy manager confirms the trial boot and saves the result",
	async (t) => {
		await manager.stop();
		await writeFile(
			join(manager.directory, "data/system/update/result"),
			"STATE=rolled-back\nVERSION=1.3.0\nBUILD=200000\nFROM_VERSION=1.2.0\nFROM_BUILD=100000\nREASON=the new system was not healthy in 3 starts\nTIME=1790000000\n",
		);
		await manager.start("update finished", settings);
		cookie = await manager.logIn(password);
		t.true(await isThere("confirmed"));
		t.like((await call("updateStatus")).body.history[0], {
			state: "rolled-back",
			build: 200_000,
			reason: "the new system was not healthy in 3 starts",
		});
	},
);
