import { open } from "node:fs/promises";
import {
	builtUpdate,
	type Console,
	eventually,
	type Machine,
} from "../machine/index.ts";
import { powerCycleAfterReboot } from "./rescue.ts";
import {
	loginPage,
	loginsOf,
	managerCookie,
	managerSession,
	outputOf,
	post,
} from "./steps.ts";

const chunkBytes = 1024 * 1024;
/** The build number of builtUpdate("next"). */
export const nextBuild = 999_999;

/** Uploads an update file as the page does. */
export async function uploadUpdate(
	machine: Machine,
	path: string,
): Promise<void> {
	const cookie = await managerCookie(machine);
	const file = await open(path);
	try {
		for (let offset = 0; ; ) {
			const chunk = Buffer.alloc(chunkBytes);
			const { bytesRead } = await file.read(chunk, 0, chunkBytes, offset);
			if (bytesRead === 0) return;
			const response = await post(machine, `update-file?offset=${offset}`, {
				cookie,
				body: chunk.subarray(0, bytesRead),
				contentType: "application/octet-stream",
			});
			if (response.status !== 200)
				throw new Error(
					`Uploading at offset ${offset} returns ${response.status}: ${await response.text()}`,
				);
			offset += bytesRead;
		}
	} finally {
		await file.close();
	}
}

/** Makes the manager install the uploaded update, and waits for the restart. */
export async function installUpdate(
	machine: Machine,
	input: { allowOlder?: boolean } = {},
): Promise<void> {
	const call = await managerSession(machine);
	await call("updateInstall", input);
	await powerCycleAfterReboot(machine);
}

/** Waits until the rescue system has installed the system of the update or rollback, and restarts. */
export async function waitForRescueInstall(machine: Machine): Promise<void> {
	await machine.console.expect(/\nfinished\b/, {
		timeoutMs: 300_000,
		unless: /This FAILED|Kernel panic/,
	});
	await powerCycleAfterReboot(machine);
}

/** Installs and confirms the one of the two builds that a newly booted machine does not run. */
export async function installAnotherUpdate(machine: Machine): Promise<void> {
	await loginPage(machine, { timeoutMs: 10 * 60_000 });
	await machine.console.login(...loginsOf(machine).root);
	const isNext = (await runningBuild(machine.console)) === nextBuild;
	await uploadUpdate(
		machine,
		builtUpdate(isNext ? "out" : "next", machine.hardware.target),
	);
	const call = await managerSession(machine);
	const { build } = (await call("updateCheck")) as { build: number };
	await installUpdate(machine, { allowOlder: isNext });
	await waitForRescueInstall(machine);
	await loginPage(machine, { timeoutMs: 10 * 60_000 });
	await updateResult(machine, build, "installed");
}

/** Cuts the power during each trial boot of the new system, until the rescue system rolls back. */
export async function failTrials(machine: Machine): Promise<void> {
	for (const count of [1, 2, 3]) {
		await machine.console.expect(`on trial (${count} of 3)`, {
			timeoutMs: 120_000,
		});
		await machine.console.expect(/Linux version \d/, { timeoutMs: 60_000 });
		await machine.cutPower();
		await machine.boot();
	}
	await machine.console.expect("The update is given up", {
		timeoutMs: 120_000,
	});
	await powerCycleAfterReboot(machine);
}

/** Waits until the manager reports this result of the last update. */
export async function updateResult(
	machine: Machine,
	build: number,
	state: string,
): Promise<{ state: string; build: number; reason: string }> {
	const call = await managerSession(machine);
	return eventually(
		`the manager reports that build ${build} is ${state}`,
		async () => {
			const status = (await call("updateStatus")) as {
				history: { state: string; build: number; reason: string }[];
			};
			const [last] = status.history;
			return last?.build === build && last.state === state ? last : undefined;
		},
		{ timeoutMs: 120_000 },
	);
}

/** Returns the build number of the system at this console. */
export async function runningBuild(console: Console): Promise<number> {
	const release = await outputOf(console, "cat /etc/app-platform-release");
	return Number(/^BUILD=(\d+)$/m.exec(release)?.[1]);
}
