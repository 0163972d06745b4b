import test from "ava";
import {
	builtUpdate,
	machineForTests,
	overlayOn,
	timeLimit,
} from "./machine/index.ts";
import { type Kept, ownLogins } from "./system/kept.ts";
import { lastReleaseImage } from "./system/last-release.ts";
import { findLife, liveIn } from "./system/life.ts";
import { startAfresh } from "./system/rescue.ts";
import {
	loginPage,
	managerSession,
	outputOf,
	watchInstallation,
} from "./system/steps.ts";
import {
	failTrials,
	installedByRamdisk,
	installUpdate,
	nextBuild,
	runningBuild,
	updateResult,
	uploadUpdate,
} from "./system/update.ts";

// A device in the field, with what people have on it, gets today's build.
const minute = 60_000;
const machine = machineForTests(test, {
	name: "previous-release",
	disks: [overlayOn(lastReleaseImage)],
});
/** In releases up to 7a0c02a each service keeps sda1 mounted: docs/updates.md has this cure. */
const cure =
	"umount /mnt/sda1 && rmdir /mnt/sda1 && /etc/init.d/S01mount start";
let kept: Kept;
let oldBuild = 0;

test.before("the last release was built", async (t) => {
	t.timeout(timeLimit(60 * minute));
	await machine.disks();
});

test.serial("the last release is installed and lived in", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await machine.boot();
	await watchInstallation(machine);
	await loginPage(machine);
	await liveIn(machine);
	kept = await findLife(machine);
	oldBuild = await runningBuild(machine.console);
	t.true(oldBuild < nextBuild);
});

test.serial("its manager refuses an update while apps run", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await uploadUpdate(machine, builtUpdate("next"));
	const call = await managerSession(machine);
	await t.throwsAsync(call("updateInstall"), {
		message: /The boot partition \S+ is damaged and cannot be repaired/,
	});
});

test.serial("the documented cure lets it install the update", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await outputOf(machine.console, cure);
	t.deepEqual(await findLife(machine), kept);
	await installUpdate(machine);
	await installedByRamdisk(machine);
});

test.serial("failed trials bring the last release back", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await failTrials(machine);
	await installedByRamdisk(machine);
	await loginPage(machine);
	await updateResult(machine, nextBuild, "rolled-back");
	await machine.console.login(...ownLogins.root);
	t.deepEqual(await findLife(machine), kept);
	t.is(await runningBuild(machine.console), oldBuild);
});

test.serial("today's build has everything that was there", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await uploadUpdate(machine, builtUpdate("next"));
	await outputOf(machine.console, cure);
	await installUpdate(machine);
	await installedByRamdisk(machine);
	await machine.console.expect("on trial (1 of 3)", { timeoutMs: 3 * minute });
	await loginPage(machine);
	await updateResult(machine, nextBuild, "installed");
	await machine.console.login(...ownLogins.root);
	t.deepEqual(await findLife(machine), kept);
	t.is(await runningBuild(machine.console), nextBuild);
});

test.serial("and keeps it over a restart", async (t) => {
	t.timeout(timeLimit(8 * minute));
	machine.console.send("reboot\n");
	await startAfresh(machine);
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	t.deepEqual(await findLife(machine), kept);
	t.is(await runningBuild(machine.console), nextBuild);
});
