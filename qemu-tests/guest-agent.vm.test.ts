import test from "ava";
import { type Machine, timeLimit } from "./machine/index.ts";
import { installedMachine, runningMachine } from "./system/base.ts";
import { loginPage } from "./system/steps.ts";

const onVirtio = runningMachine(test, "agent-on-virtio");
const onIsa = installedMachine(test, {
	name: "agent-on-isa",
	guestAgent: "isa",
});

test.serial("answers on a virtio port", async (t) => {
	t.like(await hostName(onVirtio), { "host-name": "app-platform" });
	await onVirtio.discard();
});

test.serial(
	"answers on ISA when the only serial port belongs to it, as on Proxmox",
	async (t) => {
		t.timeout(timeLimit(5 * 60_000));
		await onIsa.boot();
		await loginPage(onIsa);
		t.like(await hostName(onIsa), { "host-name": "app-platform" });
		t.regex(JSON.stringify(await interfaces(onIsa)), /10\.0\.2\.15/);
	},
);

test.serial("switches the machine off for its host", async (t) => {
	const off = onIsa.waitForPowerOff();
	// The agent does not answer this one: the machine goes off.
	onIsa.agent.call("guest-shutdown").catch(() => {});
	await off;
	t.pass();
});

function hostName(machine: Machine): Promise<unknown> {
	return machine.agent.call("guest-get-host-name", {}, { timeoutMs: 60_000 });
}

function interfaces(machine: Machine): Promise<unknown> {
	return machine.agent.call("guest-network-get-interfaces");
}
