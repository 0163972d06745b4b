import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { livedInContainer, ownLogins } from "./system/lived-in/index.ts";
import { loginPage, outputOf } from "./system/steps.ts";

// The actions of each service's init script work from every state of the service, on a machine with running apps and a
// disk that is 80 % full.
const { machine } = livedInContainer(test, "init-scripts");
const minute = 60_000;
const services = {
	syslogd: "S10syslog",
	"default-passwords": "S43default-passwords",
	ssh: "S44ssh",
	postgresql: "S50postgresql",
	chrony: "S60chrony",
	cron: "S62cron",
	haproxy: "S90haproxy",
	manager: "S92manager",
};
/** The command that brings a running service into a state. SERVICE stands for its runit directory. */
const states = {
	running: "true",
	"just killed": "sv kill SERVICE",
	"about to end": "sv term SERVICE; touch SERVICE/down",
	"manually down": "sv down SERVICE",
	paused: "sv pause SERVICE",
};
/** Whether the service runs after each action. */
const actions = { start: true, stop: false, restart: true };

/** Services that this machine does not need, such as DHCP. */
let unneeded: string[];

test.serial("the lived-in machine boots", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	unneeded = await servicesDown();
	t.pass();
});

for (const [service, file] of Object.entries(services)) {
	const script = `/etc/init.d/${file}`;
	const directory = `/run/service/${service}`;

	for (const [state, command] of Object.entries(states))
		test.serial(`${file} when it is ${state}`, async (t) => {
			t.timeout(timeLimit(5 * minute));
			for (const [action, runs] of Object.entries(actions)) {
				await outputOf(machine.console, `${script} start`);
				const { exitCode, output } = await machine.console.run(
					`${command.replaceAll("SERVICE", directory)}; ${script} ${action}`,
					{ timeoutMs: 2 * minute },
				);
				t.is(exitCode, 0, `${action}: ${output}`);
				const status = await machine.console.run(`${script} status`);
				t.is(status.exitCode, runs ? 0 : 3, `${action}: ${status.output}`);
			}
		});

	test.serial(`${file} when it crashes at each start`, async (t) => {
		t.timeout(timeLimit(5 * minute));
		await outputOf(machine.console, `${script} start`);
		await outputOf(
			machine.console,
			`mv ${directory}/run ${directory}/run.kept
			printf '#!/bin/sh\\nexit 1\\n' >${directory}/run
			chmod +x ${directory}/run
			sv kill ${directory}`,
		);
		for (const action of ["start", "restart"]) {
			const { exitCode, output } = await machine.console.run(
				`${script} ${action}`,
				{ timeoutMs: 2 * minute },
			);
			t.not(exitCode, 0, output);
			t.regex(output, new RegExp(`${service} does not run`));
		}
		await outputOf(machine.console, `${script} stop`);
		t.is((await machine.console.run(`${script} status`)).exitCode, 3);
		const { exitCode, output } = await machine.console.run(
			`${script} start; mv ${directory}/run.kept ${directory}/run; ${script} restart`,
			{ timeoutMs: 2 * minute },
		);
		t.is(exitCode, 0, output);
		t.is((await machine.console.run(`${script} status`)).exitCode, 0);
	});
}

test.serial("all services run", async (t) => {
	t.deepEqual(await servicesDown(), unneeded);
	t.regex(await loginPage(machine), /App Platform/);
});

async function servicesDown(): Promise<string[]> {
	const states = await outputOf(machine.console, "sv status /run/service/*");
	return [...states.matchAll(/^down: (\S+):/gm)].map(([, name]) =>
		String(name),
	);
}
