import test from "ava";
import {
	builtUpdate,
	eventually,
	type Machine,
	temporaryDirectory,
	timeLimit,
} from "./machine/index.ts";
import { bombUpdate } from "./system/bomb.ts";
import {
	livedInMachine,
	livedInState,
	openSessions,
	ownLogins,
} from "./system/lived-in/index.ts";
import { loginPage, managerSession, outputOf } from "./system/steps.ts";
import {
	installedByRamdisk,
	installUpdate,
	nextBuild,
	runningBuild,
	updateResult,
	uploadUpdate,
} from "./system/update.ts";

const minute = 60_000;
const { machine, before } = livedInMachine(test, { name: "update" });

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

test.serial("nothing changes while a partition is full", async (t) => {
	t.timeout(timeLimit(8 * minute));
	const call = await managerSession(machine);
	const menu = await bootState();
	const fill = (path: string) =>
		outputOf(machine.console, `! dd if=/dev/zero of=${path} bs=1M 2>/dev/null`);
	await outputOf(machine.console, "mount -o remount,rw /mnt/sda1");
	await fill("/mnt/sda1/fill");
	await outputOf(machine.console, "mount -o remount,ro /mnt/sda1");
	await t.throwsAsync(call("updateInstall"), {
		message: /boot partition \S+ has no room for an update/,
	});
	t.is(await bootState(), menu);
	// Or the room of the file that is there already would be enough.
	await call("updateCancel");
	await outputOf(
		machine.console,
		`mount -o remount,rw /mnt/sda1 && rm /mnt/sda1/fill && mount -o remount,ro /mnt/sda1
		fallocate -l "$(df -kP /mnt/sda2 | awk 'END { print $4 }')K" /mnt/sda2/fill`,
	);
	await fill("/mnt/sda2/rest");
	await t.throwsAsync(uploadUpdate(machine, builtUpdate("next")), {
		message: /make room on \/mnt\/sda2/,
	});
	await outputOf(machine.console, "rm /mnt/sda2/fill /mnt/sda2/rest");
});

test.serial("a zip bomb is refused and leaves nothing behind", async (t) => {
	t.timeout(timeLimit(8 * minute));
	const call = await managerSession(machine);
	const menu = await bootState();
	const folder = temporaryDirectory();
	t.teardown(() => folder.remove());
	await uploadUpdate(machine, await bombUpdate(folder.path));
	await t.throwsAsync(call("updateInstall"), {
		message: /needs 40\d\d MiB, sda3 has \d+ MiB/,
	});
	t.is(await bootState(), menu);
	t.like(await call("updateStatus"), { receivedBytes: 0 });
	await outputOf(machine.console, "test ! -e /mnt/sda1/b");
	await uploadUpdate(machine, builtUpdate("next"));
});

test.serial("the ramdisk shows how far the installation is", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await installUpdate(machine);
	t.regex(
		await shown(machine, "/manager/", /is being installed/),
		/ramdisk\.log/,
	);
	// The log of the installation before is there until the new one begins.
	await shown(
		machine,
		"/manager/ramdisk.log",
		new RegExp(`Installing App Platform .*\\(build ${nextBuild}\\)`),
	);
	await installedByRamdisk(machine);
});

test.serial("the new system, once healthy, stays", async (t) => {
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

test.serial("an older one has to be meant", async (t) => {
	t.timeout(timeLimit(6 * minute));
	await uploadUpdate(machine, builtUpdate("out"));
	const call = await managerSession(machine);
	await t.throwsAsync(call("updateInstall"), {
		message: /not newer than what runs .*confirm/,
	});
	t.regex(await bootState(), /^DEFAULT=system\nSLOT=b\nUPDATE=none$/m);
});

/** A page, once it has the words. */
function shown(of: Machine, path: string, words: RegExp): Promise<string> {
	return eventually(
		`${path} shows ${words}`,
		async () => {
			const response = await of.fetch("https", path, {
				signal: AbortSignal.timeout(5_000),
			});
			const text = await response.text();
			return response.status === 200 && words.test(text) ? text : undefined;
		},
		{ timeoutMs: 2 * minute },
	);
}

function bootState(): Promise<string> {
	return outputOf(machine.console, "/usr/lib/app-platform/boot-partition show");
}
