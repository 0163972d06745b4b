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

// Uploads updates with curl and a token, as docs/updates.md describes, through a real HAProxy with the
// image's configuration.
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
	appliance.environment = {
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

/** Runs curl as a person would type it, and parses the answer. */
function curl(args: string[], options = ["--config", config]) {
	const format = "\n%{http_code} %{size_upload}";
	const child = spawn("curl", [...options, "-s", "-w", format, ...args], {
		stdio: ["pipe", "pipe", "inherit"],
	});
	child.stdin.on("error", () => {}); // curl may stop reading early.
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

/** Starts an upload and pauses it. Resolves when that many bytes were received. */
async function sendSome(wantedBytes: number) {
	const length = ["-H", `Content-Length: ${bytes}`, "-H", "Transfer-Encoding:"];
	const { child, answer } = curl([...length, "-T", "-", url()]);
	child.stdin.write((await readFile(file)).subarray(0, wantedBytes));
	await until(
		"a part was received",
		async () => (await received()) === wantedBytes,
	);
	return { child, answer };
}

/** Resolves when the manager has noticed that the client is gone. */
const interrupted = () =>
	until(
		"the upload is over",
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

test.serial("--data-binary replaces the file too", async (t) => {
	const type = "Content-Type: application/octet-stream";
	t.like(
		await done("-X", "PUT", "-H", type, "--data-binary", `@${file}`, url()),
		{ status: 200, body: { receivedBytes: bytes } },
	);
	t.like(await call("updateCheck"), { status: 200 });
});

test.serial("an interrupted upload is resumed", async (t) => {
	const { child } = await sendSome(100_000);
	t.is((await status()).totalBytes, bytes);
	child.kill();
	await interrupted();
	const { body } = await call("updateCheck");
	t.regex(body.error.message, /100000 bytes were received. Resume/);
	const offset = await done(`${url()}/offset`);
	t.is(offset.body.trim(), "100000");
	t.like(await done("-C", offset.body.trim(), "-T", file, url()), {
		status: 200,
		sentBytes: bytes - 100_000,
		body: { receivedBytes: bytes },
	});
	t.like(await call("updateCheck"), { status: 200, body: { build: 200_000 } });
});

test.serial(
	"a part that does not continue the file is refused before it is sent",
	async (t) => {
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
		// The file was truncated before the upload: it can never become valid.
		t.like(await done("-T", other, url()), { status: 200 });
		const { body } = await call("updateCheck");
		t.is(body.error.code, "damaged");
		t.regex(
			body.error.message,
			/all 200000 bytes of it were uploaded.*deleted/,
		);
		t.is(await received(), 0);
	},
);

test.serial(
	"uploads without a login or with too large a file are refused before they are sent",
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
	"an upload of unknown length is refused when it becomes too large",
	async (t) => {
		const { child, answer } = curl(["-T", "-", url()]);
		const block = Buffer.alloc(1024 * 1024);
		// Writing fails when curl stops reading; the answer shows why.
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
	"only one upload runs at a time, and it can be cancelled",
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

test.serial("stopping the manager keeps what was received", async (t) => {
	const { child, answer } = await sendSome(100_000);
	const stopped = manager.stop();
	child.stdin.end();
	await Promise.all([stopped, answer]);
	await manager.start("the database is ready", {
		...appliance.environment,
		...appliance.webServer.environment,
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

test.serial("the commands in docs/updates.md work", async (t) => {
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
	// Nothing was received yet: the upload starts at the beginning.
	t.is(await type(resume), `{"receivedBytes":${bytes}}`);
	t.is(
		await type(install),
		'{"version":"1.3.0","build":200000,"target":"x86_64"}{}',
	);
});
