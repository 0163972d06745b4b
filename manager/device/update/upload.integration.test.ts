import { type ChildProcess, execFile, spawn } from "node:child_process";
import { copyFile, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import test from "ava";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";
import {
	archiveOf,
	TestKey,
	updateMembers,
} from "../../../testing/test-update.ts";

// Updates brought by curl, as docs/updates.md has it: through a real HAProxy with the image's
// configuration, by a token.
const run = promisify(execFile);
const appliance = await TestAppliance.create();
const { manager } = appliance;
const key = await TestKey.create();
const file = join(manager.directory, "update-x86_64.img");
const config = join(manager.directory, "token.conf");
const boot = join(manager.directory, "boot-partition");
let cookie = "";
let bytes = 0;

test.before(async () => {
	await copyFile(join(import.meta.dirname, "boot-partition.fixture.sh"), boot);
	await writeFile(
		join(manager.directory, "release"),
		"VERSION=1.2.0\nBUILD=100000\nTARGET=x86_64\n",
	);
	appliance.settings = {
		MANAGER_KEYS_FOLDER: key.trusted,
		MANAGER_BOOT_PARTITION_COMMAND: boot,
		MANAGER_RESTART_COMMAND: "/bin/true",
	};
	await appliance.start();
	const change = await manager.call(
		"changePassword",
		{ currentPassword: "pwd", newPassword: "correct horse" },
		{ cookie: await manager.logIn() },
	);
	cookie = String(change.headers["set-cookie"]).split(";")[0] ?? "";
	const { token } = (
		await call("tokenCreate", { name: "curl", scopes: ["administer"] })
	).body;
	await writeFile(
		config,
		`header = "Authorization: Bearer ${token}"\ninsecure\n`,
	);
	const content = await archiveOf(await updateMembers(key));
	bytes = content.length;
	await writeFile(file, content);
});
test.after.always(() => appliance.remove());

const call = (operation: string, input: object = {}) =>
	manager.call(operation, input, { cookie });
const url = () => `${appliance.origin}/manager/api/update-file`;

interface Answer {
	status: number;
	/** Bytes of the body that curl has sent. */
	sentBytes: number;
	// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
	body: any;
}

/** What somebody types, with the answer read. */
function curl(args: string[], options = ["--config", config]) {
	const format = "\n%{http_code} %{size_upload}";
	const child = spawn("curl", [...options, "-s", "-w", format, ...args], {
		stdio: ["pipe", "pipe", "inherit"],
	});
	child.stdin.on("error", () => {}); // It reads no further than it needs to.
	return { child, answer: answerOf(child) };
}

async function answerOf(child: ChildProcess): Promise<Answer> {
	const output = child.stdout ? await text(child.stdout) : "";
	const [, body = "", status, sentBytes] =
		/^(.*)\n(\d+) (\d+)$/s.exec(output) ?? [];
	return {
		status: Number(status),
		sentBytes: Number(sentBytes),
		body: body.startsWith("{") ? JSON.parse(body) : body,
	};
}

const done = (...args: string[]) => curl(args).answer;
const status = async () => (await call("updateStatus")).body;
const received = async () => (await status()).receivedBytes;

/** Begins to send, and stops in the middle. @returns once that much is there. */
async function sendSome(wantedBytes: number) {
	const length = ["-H", `Content-Length: ${bytes}`, "-H", "Transfer-Encoding:"];
	const { child, answer } = curl([...length, "-T", "-", url()]);
	child.stdin.write((await readFile(file)).subarray(0, wantedBytes));
	await until("some of it", async () => (await received()) === wantedBytes);
	return { child, answer };
}

/** Once the manager has seen that the client is gone. */
const interrupted = () =>
	until(
		"nobody sends any more",
		async () => (await call("updateCheck")).body.error.code === "incomplete",
	);

test.serial("one command uploads the whole file", async (t) => {
	t.like(await done("-T", file, url()), {
		status: 200,
		sentBytes: bytes,
		body: { receivedBytes: bytes },
	});
	t.like(await status(), { receivedBytes: bytes, totalBytes: bytes });
	t.like(await call("updateCheck"), { status: 200, body: { build: 200_000 } });
});

test.serial("so does --data-binary, in place of what was there", async (t) => {
	const type = "Content-Type: application/octet-stream";
	t.like(
		await done("-X", "PUT", "-H", type, "--data-binary", `@${file}`, url()),
		{ status: 200, body: { receivedBytes: bytes } },
	);
	t.like(await call("updateCheck"), { status: 200 });
});

test.serial("an interrupted one is resumed from what is there", async (t) => {
	const { child } = await sendSome(100_000);
	t.is((await status()).totalBytes, bytes);
	child.kill();
	await interrupted();
	const { body } = await call("updateCheck");
	t.regex(body.error.message, /100000 bytes of it are there. Resume/);
	const offset = await done(`${url()}/offset`);
	t.is(offset.body.trim(), "100000");
	t.like(await done("-C", offset.body.trim(), "-T", file, url()), {
		status: 200,
		sentBytes: bytes - 100_000,
		body: { receivedBytes: bytes },
	});
	t.like(await call("updateCheck"), { status: 200, body: { build: 200_000 } });
});

test.serial("what does not continue it is refused, unsent", async (t) => {
	await sendSome(100_000).then(({ child }) => child.kill());
	await interrupted();
	t.like(await done("-C", "99999", "-T", file, url()), {
		status: 409,
		sentBytes: 0,
		body: { error: { code: "wrongOffset" } },
	});
	const other = join(manager.directory, "other.img");
	await copyFile(file, other);
	await truncate(other, 200_000);
	const refused = await done("-C", "100000", "-T", other, url());
	t.like(refused, { status: 409, body: { error: { code: "wrongFile" } } });
	t.regex(
		refused.body.error.message,
		/100000 bytes of a file of \d+ bytes, this one has 200000 bytes/,
	);
	t.is(await received(), 100_000);
	// Truncated before it was sent: nothing makes it good.
	t.like(await done("-T", other, url()), { status: 200 });
	const { body } = await call("updateCheck");
	t.is(body.error.code, "damaged");
	t.regex(body.error.message, /all 200000 bytes of it were uploaded.*deleted/);
	t.is(await received(), 0);
});

test.serial(
	"strangers, and what is too large, are refused unsent",
	async (t) => {
		const large = join(manager.directory, "large.img");
		await writeFile(large, "");
		await truncate(large, 200 * 1024 * 1024 + 1);
		const stranger = await curl(["-k", "-T", large, url()], []).answer;
		t.like(stranger, { status: 401, sentBytes: 0 });
		for (let count = 0; count < 10; count += 1)
			t.like(await done("-T", large, url()), {
				status: 400,
				sentBytes: 0,
				body: { error: { code: "tooLarge" } },
			});
		t.is(await received(), 0);
	},
);

test.serial(
	"one whose length nobody knows is refused where updates end",
	async (t) => {
		const { child, answer } = curl(["-T", "-", url()]);
		const block = Buffer.alloc(1024 * 1024);
		// What curl no longer reads has an error, which says nothing new.
		await pipeline(Array(210).fill(block), child.stdin).catch(() => {});
		t.like(await answer, {
			status: 400,
			body: { error: { code: "tooLarge" } },
		});
		t.is(await received(), 0);
		const [{ memoryBytes }] = [(await call("systemStatus")).body.manager];
		t.true(memoryBytes < 250 * 1024 * 1024, `${memoryBytes}`);
	},
);

test.serial(
	"there is one upload at a time, and it can be cancelled",
	async (t) => {
		const { child, answer } = await sendSome(100_000);
		for (const attempt of [
			await done("-T", file, url()),
			await manager.post("update-file?offset=100000", Buffer.from("x"), {
				cookie,
				headers: { "content-type": "application/octet-stream" },
			}),
			await call("updateCheck"),
			await call("updateInstall"),
			await call("updateDownload", { url: "https://store.example/x.img" }),
		])
			t.like(attempt, { status: 409, body: { error: { code: "busy" } } });
		t.like(await call("updateCancel"), { status: 200 });
		child.stdin.end();
		t.like(await answer, {
			status: 409,
			body: { error: { code: "cancelled" } },
		});
		t.is(await received(), 0);
		t.like(await done("-T", file, url()), { status: 200 });
	},
);

test.serial("a manager that stops keeps what has come", async (t) => {
	const { child, answer } = await sendSome(100_000);
	const stopped = manager.stop();
	child.stdin.end();
	await Promise.all([stopped, answer]);
	await manager.start("the database is ready", {
		...appliance.settings,
		MANAGER_RUN_FOLDER: appliance.webServer.runDirectory,
	});
	cookie = await manager.logIn("correct horse");
	t.is(await received(), 100_000);
	t.like(await done("-C", "100000", "-T", file, url()), { status: 200 });
	t.like(await call("updateCheck"), { status: 200, body: { build: 200_000 } });
});

test.serial("concurrent checks read the file once", async (t) => {
	const answers = await Promise.all(
		Array.from({ length: 20 }, () => call("updateCheck")),
	);
	for (const answer of answers) t.is(answer.status, 200);
});

test.serial("the commands in docs/updates.md work as they are", async (t) => {
	const docs = join(import.meta.dirname, "../../../docs/updates.md");
	const [, section = ""] = (await readFile(docs, "utf8")).split("### By curl");
	const [upload, resume, install] = [
		...section.matchAll(/^```sh\n(.*?)^```$/gms),
	].map(([, block = ""]) =>
		block.replaceAll("ADDRESS", new URL(appliance.origin).host),
	);
	await copyFile(
		join(appliance.webServer.certificates, "default.pem"),
		join(manager.directory, "device.pem"),
	);
	const type = async (commands = "") => {
		const { stdout } = await run("sh", ["-c", commands], {
			cwd: manager.directory,
		});
		return stdout;
	};
	await call("updateCancel");
	t.is(await type(upload), `{"receivedBytes":${bytes}}`);
	await sendSome(100_000).then(({ child }) => child.kill());
	await interrupted();
	t.is(await type(resume), `{"receivedBytes":${bytes}}`);
	await call("updateCancel");
	// Nothing is there: it begins.
	t.is(await type(resume), `{"receivedBytes":${bytes}}`);
	t.is(
		await type(install),
		'{"version":"1.3.0","build":200000,"target":"x86_64"}{}',
	);
});
