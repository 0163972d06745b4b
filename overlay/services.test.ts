import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import test from "ava";
import { type Outcome, ScriptsOnHost } from "./scripts-on-host.ts";

// The functions of the init scripts with runit, as on the image. Each case has its own service.
const host = new ScriptsOnHost("grub");
const services = join(host.root, "services");
let supervisor: ChildProcess;

const works = "exec sleep 1000";
const crashes = "echo 'no space left' >&2; exit 1";
const endsSlowly = "trap 'sleep 1; exit 0' TERM; sleep 1000 & wait";

interface State {
	behaviour: string;
	finish?: string;
	/** Shell code that brings a stopped service into the state. */
	lines: string;
}

const states: Record<string, State> = {
	"that runs": { behaviour: works, lines: "service_start $name" },
	"that crashes again and again": {
		behaviour: crashes,
		lines: "service_control $name u; within 10 seen '*want up*'",
	},
	"that is stopping": {
		behaviour: endsSlowly,
		lines: "service_start $name; service_control $name d",
	},
	"that was stopped by sv": {
		behaviour: works,
		lines: "service_start $name; sv down $SERVICES/$name",
	},
	"whose finish script runs": {
		behaviour: works,
		finish: "sleep 1",
		lines:
			"service_start $name; service_control $name d; within 10 seen 'finish:*'",
	},
	"that is paused": {
		behaviour: works,
		lines: "service_start $name; sv pause $SERVICES/$name",
	},
	"that was killed a moment ago": {
		behaviour: works,
		lines: "service_start $name; service_control $name k",
	},
	"that was stopped and restarted at once": {
		behaviour: endsSlowly,
		lines:
			"service_start $name; service_control $name d; service_control $name u",
	},
};

const cases = Object.entries(states).flatMap(([words, state], index) =>
	(["start", "restart", "stop"] as const).map((action) => ({
		name: `${action}-${index}`,
		words,
		state,
		action,
	})),
);

test.before(() => {
	for (const { name, state } of cases)
		behave(name, state.behaviour, state.finish);
	behave("crashing", crashes);
	supervisor = spawn("runsvdir", ["-P", services], { stdio: "ignore" });
});

test.after.always(async () => {
	const ended = once(supervisor, "exit");
	// runsvdir stops its services without waiting for them.
	supervisor.kill("SIGHUP");
	await ended;
	await Promise.all(cases.map(({ name }) => shell(name, "within 20 gone")));
	host.remove();
});

for (const { name, words, state, action } of cases)
	test(`${action}: a service ${words}`, async (t) => {
		const before = await shell(
			name,
			`wait_for_supervisor $name; ${state.lines}`,
		);
		t.is(before.exitCode, 0, before.output);
		// The cause of the crash is repaired.
		if (state.behaviour === crashes) behave(name, works);
		const { exitCode, output } = await shell(
			name,
			`service_main $name ${action}`,
		);
		t.is(exitCode, 0, output);
		const { output: found } = await shell(
			name,
			'read_state $name; echo "$state"',
		);
		t.regex(found, action === "stop" ? /^down: / : /^run: /);
		t.notRegex(found, /want|got TERM/);
		const status = await shell(name, "service_main $name status");
		t.is(status.exitCode, action === "stop" ? 3 : 0, status.output);
	});

test("start: a service that crashes is reported within seconds", async (t) => {
	const { exitCode, output } = await shell(
		"crashing",
		"START_SECONDS=60; service_main $name start",
	);
	t.is(exitCode, 1);
	t.regex(output, /^crashing does not run: /);
	const status = await shell("crashing", "service_main $name status");
	t.is(status.exitCode, 1, status.output);
	t.is((await shell("crashing", "service_main $name stop")).exitCode, 0);
});

function behave(name: string, lines: string, finish?: string): void {
	host.write(`services/${name}/run`, `#!/bin/sh\n${lines}\n`);
	host.write(`services/${name}/down`, "");
	if (finish !== undefined)
		host.write(`services/${name}/finish`, `#!/bin/sh\n${finish}\n`);
}

function shell(name: string, lines: string): Promise<Outcome> {
	return host.runInBackground(
		"service",
		`SERVICES=${services} SERVICE_SECONDS=1 name=${name}
		# shellcheck disable=SC2254
		seen() { read_state $name; case $state in $1) return 0 ;; *) return 1 ;; esac; }
		gone() { ! service_is_supervised $name; }
		${lines}`,
	);
}
