import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { builtUpdate, eventually, timeLimit } from "./machine/index.ts";
import {
	livedInMachine,
	livedInState,
	openSessions,
} from "./system/lived-in/index.ts";
import { loginPage, managerSession } from "./system/steps.ts";
import {
	installUpdate,
	nextBuild,
	updateResult,
	waitForRescueInstall,
} from "./system/update.ts";

// The device downloads an update from a web server while it is in use.
const minute = 60_000;
const server = createServer(async (_request, response) => {
	const path = builtUpdate("next");
	const { size } = await stat(path);
	response.writeHead(200, { "content-length": size });
	createReadStream(path).pipe(response);
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const { port } = server.address() as AddressInfo;
const address = "10.0.2.100";
const { machine, before } = livedInMachine(test, {
	name: "update-by-address",
	hostServices: [{ address, port }],
});
test.after.always(() => server.close());

test.serial("the update is downloaded", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.boot();
	await loginPage(machine);
	await openSessions(machine);
	const call = await managerSession(machine);
	await call("updateDownload", { url: `http://${address}:${port}/update.img` });
	const { size } = await stat(builtUpdate("next"));
	await eventually(
		"the download is complete",
		async () => {
			const { step, receivedBytes, problem } = (await call("updateStatus")) as {
				step: string;
				receivedBytes: number;
				problem?: string;
			};
			if (problem) throw new Error(problem);
			return (step === "idle" && receivedBytes === size) || undefined;
		},
		{ timeoutMs: 8 * minute },
	);
	t.like(await call("updateCheck"), { build: nextBuild, target: "x86_64" });
});

test.serial("the update keeps the owner's state", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await installUpdate(machine);
	await waitForRescueInstall(machine);
	await loginPage(machine);
	await updateResult(machine, nextBuild, "installed");
	t.deepEqual(await livedInState(machine), before());
});
