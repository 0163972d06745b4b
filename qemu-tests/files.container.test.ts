import { createHash, randomBytes } from "node:crypto";
import test from "ava";
import { litmus, litmusSuites } from "../testing/litmus.ts";
import { eventually, temporaryDirectory, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { putStore, storeDirectory } from "./system/notes.ts";
import { killProcess, processes } from "./system/processes.ts";
import { report } from "./system/report.ts";
import { managerSession } from "./system/steps.ts";

// The app "files" on the device, used by WebDAV clients on the network.
const minute = 60_000;
const megabytes = 20;
const machine = runningContainer(test, "files");
const password = "of the drive";
const path = "/example.com/files/dav/";
const authorization = `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;

test.serial("the app is installed from a store", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await putStore(machine);
	const call = await managerSession(machine);
	const serviceId = "app-platform_files";
	await call("storeUrlChange", { url: storeDirectory });
	await call("serviceInstall", { id: serviceId });
	await call("instanceCreate", {
		...{ serviceId, name: "files", domain: "example.com", password },
	});
	await waitForApp();
	t.is((await machine.fetch("https", path)).status, 401);
});

for (const suite of litmusSuites)
	test.serial(`litmus passes: ${suite}`, async (t) => {
		t.timeout(timeLimit(5 * minute));
		const directory = temporaryDirectory();
		t.teardown(directory.remove);
		const said = await litmus(suite, {
			...{ origin: machine.url("https"), path, password },
			directory: directory.path,
		});
		t.regex(said, /: of \d+ tests run: \d+ passed, 0 failed/, said);
		t.notRegex(said, /WARNING|SKIPPED/);
	});

test.serial("a large file persists when its service is killed", async (t) => {
	t.timeout(timeLimit(10 * minute));
	const content = randomBytes(megabytes * 1024 * 1024);
	const put = await seconds(() => dav("PUT", content));
	t.is(put.result.status, 201);
	await killProcess(machine, processes.files);
	await waitForApp();
	const got = await seconds(async () => {
		const hash = createHash("sha256");
		for await (const part of (await dav("GET")).body ?? []) hash.update(part);
		return hash.digest("hex");
	});
	t.is(got.result, createHash("sha256").update(content).digest("hex"));
	await report("a large file by WebDAV", {
		...{ megabytes, secondsToPut: put.seconds, secondsToGet: got.seconds },
	});
});

const dav = (method: string, body?: Buffer, name = "large") =>
	machine.fetch("https", path + name, {
		...{ method, headers: { authorization } },
		...(body && { body }),
	});

async function waitForApp(): Promise<void> {
	await eventually("the app answers", async () => {
		const { status } = await dav("OPTIONS", undefined, "");
		return status === 200 || undefined;
	});
}

async function seconds<Result>(work: () => Promise<Result>) {
	const start = performance.now();
	const result = await work();
	return { result, seconds: Math.round((performance.now() - start) / 1000) };
}
