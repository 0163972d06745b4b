import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

/** The steps that the rescue system takes for an update; the steps themselves are replaced. */
function updateSteps(words: string, { installs = true } = {}): string[] {
	const host = new ScriptsOnHost("grub");
	try {
		host.write(
			"home/root/install.sh",
			`#!/bin/sh\necho install\nexit ${installs ? 0 : 1}\n`,
		);
		const { output } = host.run(
			"service settings disk boot-loader install-state install-steps update",
			`MENU=menu
			boot_slot() { echo a; }
			set_boot_state() { echo "state: $*"; }
			start_on_trial() { echo "trial $3"; }
			reboot() { echo reboot; }
			installed_state() { echo ${installs ? "complete" : "absent"}; }
			record_result() { echo "result: $2 $4"; }
			trial_failure() { echo ": no memory"; }
			last_log_line() { echo "the disk is broken"; }
			to_consoles() { cat >/dev/null; }
			continue_update vda ${words}`,
		);
		return output.split("\n");
	} finally {
		host.remove();
	}
}

test("counts each attempt before it begins", (t) => {
	t.deepEqual(updateSteps("install b 0"), [
		"state: rescue a install b 1",
		"install",
	]);
	t.deepEqual(updateSteps("try b 2"), ["state: rescue a try b 3", "trial 3"]);
});

test("rolls back after a failed installation", (t) => {
	const steps = updateSteps("install b 0", { installs: false });
	t.true(steps.includes("install"));
	t.true(steps.includes("result: rolled-back the disk is broken"));
	t.true(steps.includes("state: rescue a undo b 0"));
	t.is(steps.at(-1), "reboot");
});

test("abandons the update after three attempts, with the reason", (t) => {
	t.true(
		updateSteps("install b 3").includes(
			"result: failed the installation did not end in 3 attempts",
		),
	);
	const steps = updateSteps("try b 3");
	t.true(
		steps.includes(
			"result: failed the new system was not healthy in 3 starts: no memory",
		),
	);
	t.true(steps.includes("state: system a none"));
});

test("never abandons a rollback: there is no other system", (t) => {
	for (const count of [0, 3, 12])
		t.deepEqual(updateSteps(`undo b ${count}`), ["install"]);
});

test("a system that cannot be mounted is absent, whatever mount prints", (t) => {
	const host = new ScriptsOnHost("grub");
	try {
		const { output } = host.run(
			"boot-disk install-state",
			`partition_of() { echo vda3; }
			holders_of() { :; }
			mountpoint() { return 1; }
			mount() { echo "mount warning: would change RO state"; return 32; }
			installed_state vda a`,
		);
		t.is(output, "absent");
	} finally {
		host.remove();
	}
});
