import test from "ava";
import { builtUpdate, temporaryDirectory, timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { loginPage, logins, managerSession, outputOf } from "./system/steps.ts";
import { uploadUpdate } from "./system/update.ts";
import { zipBombUpdate } from "./system/zip-bomb.ts";

const minute = 60_000;
const machine = installedMachine(test, { name: "update-refusal" });

test.serial("an update is uploaded", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	await t.notThrowsAsync(uploadUpdate(machine, builtUpdate("next")));
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
	// Otherwise the space of the uploaded file would be reused and suffice.
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
	const directory = temporaryDirectory();
	t.teardown(() => directory.remove());
	await uploadUpdate(machine, await zipBombUpdate(directory.path));
	await t.throwsAsync(call("updateInstall"), {
		message: /needs 40\d\d MiB, sda3 has \d+ MiB/,
	});
	t.is(await bootState(), menu);
	t.like(await call("updateStatus"), { receivedBytes: 0 });
	await outputOf(machine.console, "test ! -e /mnt/sda1/b");
});

function bootState(): Promise<string> {
	return outputOf(machine.console, "/usr/lib/app-platform/boot-partition show");
}
