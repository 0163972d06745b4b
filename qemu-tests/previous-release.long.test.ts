import test, { type ExecutionContext } from "ava";
import {
	builtUpdate,
	eventually,
	machineForTests,
	overlayOn,
	timeLimit,
} from "./machine/index.ts";
import { lastReleaseImage } from "./system/last-release.ts";
import {
	createOwnerState,
	type OwnerData,
	ownLogins,
	readOwnerState,
} from "./system/owner-data.ts";
import { powerCycleAfterReboot } from "./system/rescue.ts";
import {
	loginPage,
	managerSession,
	outputOf,
	watchInstallation,
} from "./system/steps.ts";
import {
	failTrials,
	installUpdate,
	nextBuild,
	runningBuild,
	updateResult,
	uploadUpdate,
	waitForRescueInstall,
} from "./system/update.ts";

// Updates a device from the field with an owner's data to today's build.
const minute = 60_000;
const machine = machineForTests(test, {
	name: "previous-release",
	disks: [overlayOn(lastReleaseImage)],
});
/** Up to release 7a0c02a each service keeps sda1 mounted: docs/updates.md documents this cure. */
const cure =
	"umount /mnt/sda1 && rmdir /mnt/sda1 && /etc/init.d/S01mount start";
let kept: OwnerData;
let oldBuild = 0;

test.before("the last release was built", async (t) => {
	t.timeout(timeLimit(60 * minute));
	await machine.disks();
});

test.serial("the last release is installed and used", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await machine.boot();
	await watchInstallation(machine);
	await loginPage(machine);
	await createOwnerState(machine);
	kept = await readOwnerState(machine);
	oldBuild = await runningBuild(machine.console);
	t.true(oldBuild < nextBuild);
});

test.serial("the last release refuses an update while apps run", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await uploadUpdate(machine, builtUpdate("next"));
	const call = await managerSession(machine);
	await t.throwsAsync(call("updateInstall"), {
		message: /The boot partition \S+ is damaged and cannot be repaired/,
	});
});

test.serial("the update installs after the documented cure", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await outputOf(machine.console, cure);
	t.deepEqual(await readOwnerState(machine), kept);
	await installUpdate(machine);
	await waitForRescueInstall(machine);
});

test.serial("failed trial boots roll back to the last release", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await failTrials(machine);
	await waitForRescueInstall(machine);
	await loginPage(machine);
	await updateResult(machine, nextBuild, "rolled-back");
	await machine.console.login(...ownLogins.root);
	t.deepEqual(await readOwnerState(machine), kept);
	t.is(await runningBuild(machine.console), oldBuild);
	// This system does not count what its apps write.
	await outputOf(
		machine.console,
		`cd /mnt/sda2/apps/notes/instances/1
		setpriv --reuid 2000 --regid 2000 --clear-groups sh -c 'head -c 9000000 /dev/zero >filler; sync filler'`,
	);
});

test.serial("today's build keeps the owner's state", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await uploadUpdate(machine, builtUpdate("next"));
	await outputOf(machine.console, cure);
	await installUpdate(machine);
	await waitForRescueInstall(machine);
	await machine.console.expect("on trial (1 of 3)", { timeoutMs: 3 * minute });
	await loginPage(machine);
	await updateResult(machine, nextBuild, "installed");
	await machine.console.login(...ownLogins.root);
	t.deepEqual(await readOwnerState(machine), kept);
	t.is(await runningBuild(machine.console), nextBuild);
	await assertFilesAreCounted(t);
	await eventually("the passwords of instances are sealed", async () => {
		const plain = await outputOf(
			machine.console,
			"psql -d manager -Atc \"SELECT count(*) FROM instance WHERE password NOT LIKE 'sealed:%' OR database_password NOT LIKE 'sealed:%'\"",
		);
		return plain.trim() === "0" || undefined;
	});
});

test.serial("a restart keeps the owner's state", async (t) => {
	t.timeout(timeLimit(8 * minute));
	machine.console.send("reboot\n");
	await powerCycleAfterReboot(machine);
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	t.deepEqual(await readOwnerState(machine), kept);
	t.is(await runningBuild(machine.console), nextBuild);
	const log = await outputOf(machine.console, "cat /run/boot.log");
	t.notRegex(log, /files of apps are/);
	await assertFilesAreCounted(t);
});

/** Compares the kernel's counts with the files of the first app's user. */
async function assertFilesAreCounted(t: ExecutionContext): Promise<void> {
	const [counted = "", found = ""] = (
		await outputOf(
			machine.console,
			`sync
			/usr/lib/app-platform/app-quotas report | awk '{ print $2, $3 }'
			find /mnt/sda2 -xdev -user 2000 -exec stat -c %b {} + | awk '{ sum += $1 } END { print sum / 2, NR }'`,
		)
	)
		.trim()
		.split(/\s*\n/);
	t.regex(found, /^\d+ \d+$/);
	t.is(counted, found);
}
