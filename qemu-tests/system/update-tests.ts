import type { TestFn } from "ava";
import {
	builtUpdate,
	eventually,
	type Machine,
	type MachineOptions,
	timeLimit,
} from "../machine/index.ts";
import {
	livedInMachine,
	livedInState,
	openSessions,
	ownLogins,
} from "./lived-in/index.ts";
import { loginPage, managerSession, outputOf } from "./steps.ts";
import {
	installUpdate,
	nextBuild,
	runningBuild,
	updateResult,
	uploadUpdate,
	waitForRescueInstall,
} from "./update.ts";

const minute = 60_000;

/** Tests an update of a machine with an owner's data. At the end the new system runs. */
export function updateTests(test: TestFn, options: MachineOptions): void {
	const { machine, before } = livedInMachine(test, options);
	const bootState = () =>
		outputOf(machine.console, "/usr/lib/app-platform/boot-partition show");

	test.serial("an owner uploads an update", async (t) => {
		t.timeout(timeLimit(8 * minute));
		await machine.boot();
		await loginPage(machine);
		await machine.console.login(...ownLogins.root);
		await openSessions(machine);
		await uploadUpdate(machine, builtUpdate("next"));
		const call = await managerSession(machine);
		t.like(await call("updateCheck"), { build: nextBuild, target: "x86_64" });
	});

	test.serial("the rescue system shows its progress", async (t) => {
		t.timeout(timeLimit(8 * minute));
		await installUpdate(machine);
		t.regex(
			await waitForPage(machine, "/manager/", /is being installed/),
			/ramdisk\.log/,
		);
		// The log of the previous installation is shown until the new one starts.
		await waitForPage(
			machine,
			"/manager/ramdisk.log",
			new RegExp(`Installing App Platform .*\\(build ${nextBuild}\\)`),
		);
		await waitForRescueInstall(machine);
	});

	test.serial("a healthy new system is confirmed", async (t) => {
		t.timeout(timeLimit(8 * minute));
		await machine.console.expect("on trial (1 of 3)", {
			timeoutMs: 3 * minute,
		});
		await loginPage(machine);
		const { reason } = await updateResult(machine, nextBuild, "installed");
		t.is(reason, "");
		await machine.console.login(...ownLogins.root);
		t.is(await runningBuild(machine.console), nextBuild);
		t.deepEqual(await livedInState(machine), before());
		t.regex(await bootState(), /^DEFAULT=system\nSLOT=b\nUPDATE=none$/m);
	});

	test.serial("installing an older build requires confirmation", async (t) => {
		t.timeout(timeLimit(6 * minute));
		await uploadUpdate(machine, builtUpdate("out"));
		const call = await managerSession(machine);
		await t.throwsAsync(call("updateInstall"), {
			message: /not newer than what runs .*confirm/,
		});
		t.regex(await bootState(), /^DEFAULT=system\nSLOT=b\nUPDATE=none$/m);
	});
}

/** Waits until a page contains this text, and returns the page. */
function waitForPage(of: Machine, path: string, text: RegExp): Promise<string> {
	return eventually(
		`${path} shows ${text}`,
		async () => {
			const response = await of.fetch("https", path, {
				signal: AbortSignal.timeout(5_000),
			});
			const body = await response.text();
			return response.status === 200 && text.test(body) ? body : undefined;
		},
		{ timeoutMs: 2 * minute },
	);
}
