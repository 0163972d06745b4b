import test from "ava";
import { eventually, type Machine, timeLimit } from "./machine/index.ts";
import { installedMachine, runningMachine } from "./system/base.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

const onVirtio = runningMachine(test, "agent-on-virtio");
const onIsa = installedMachine(test, {
	name: "agent-on-isa",
	guestAgent: "isa",
});

test.serial("answers on a virtio port", async (t) => {
	t.like(await hostName(onVirtio), { "host-name": "app-platform" });
});

test.serial("sets the passwords of admin and root", async (t) => {
	const password = 'new: "pässword"';
	for (const username of ["admin", "root"])
		t.deepEqual(await setPassword(onVirtio, username, password), {});
	await t.throwsAsync(onVirtio.ssh(...logins.admin), {
		message: /authentication methods failed/i,
	});
	const admin = await onVirtio.ssh("admin", password);
	t.is((await outputOf(admin, "whoami")).trim(), "admin");
	admin.close();
	await onVirtio.console.login("root", password);
	t.regex(
		await outputOf(
			onVirtio.console,
			"ls -lL /etc/shadow && readlink /etc/shadow",
		),
		/^-rw------- .*\n.*mnt\/sda2\/system\/shadow/m,
	);
	// The service that guards default passwords checks every ten seconds.
	await eventually("SSH is open to all addresses", async () => {
		const guard = await onVirtio.console.run(
			"nft list table inet default_passwords",
		);
		return guard.exitCode !== 0 || undefined;
	});
});

test.serial("sets a hashed password", async (t) => {
	const hash = await outputOf(onVirtio.console, "openssl passwd -6 hashed");
	await setPassword(onVirtio, "admin", hash.trim(), { crypted: true });
	const admin = await onVirtio.ssh("admin", "hashed");
	admin.close();
	await t.throwsAsync(
		setPassword(onVirtio, "admin", "plain", { crypted: true }),
		{ message: /is not a SHA-512 or SHA-256 hash/ },
	);
	await t.throwsAsync(setPassword(onVirtio, "nobody-there", "x"), {
		message: /there is no user "nobody-there"/,
	});
});

test.serial("chpasswd and passwd set passwords by hand", async (t) => {
	await outputOf(onVirtio.console, "echo admin:by-chpasswd-1 | chpasswd");
	(await onVirtio.ssh("admin", "by-chpasswd-1")).close();
	await outputOf(
		onVirtio.console,
		"printf '%s\\n' by-passwd-1 by-passwd-1 | passwd admin",
	);
	(await onVirtio.ssh("admin", "by-passwd-1")).close();
	t.regex(
		await outputOf(onVirtio.console, "grep ^admin: /etc/shadow"),
		/^admin:\$6\$/,
	);
	await onVirtio.discard();
});

test.serial(
	"answers on ISA when it owns the only serial port, as on Proxmox",
	async (t) => {
		t.timeout(timeLimit(5 * 60_000));
		await onIsa.boot();
		await loginPage(onIsa);
		t.like(await hostName(onIsa), { "host-name": "app-platform" });
		t.regex(JSON.stringify(await interfaces(onIsa)), /10\.0\.2\.15/);
		// A user at this serial port is not authenticated.
		await t.throwsAsync(setPassword(onIsa, "admin", "x"), {
			message: /disabled|blocked/i,
		});
	},
);

test.serial("shuts the machine down for its host", async (t) => {
	const off = onIsa.waitForPowerOff();
	// The agent does not answer this command: the machine switches off.
	onIsa.agent.call("guest-shutdown").catch(() => {});
	await off;
	t.pass();
});

function hostName(machine: Machine): Promise<unknown> {
	return machine.agent.call("guest-get-host-name", {}, { timeoutMs: 60_000 });
}

function setPassword(
	machine: Machine,
	username: string,
	password: string,
	{ crypted = false } = {},
): Promise<unknown> {
	return machine.agent.call("guest-set-user-password", {
		username,
		password: Buffer.from(password).toString("base64"),
		crypted,
	});
}

function interfaces(machine: Machine): Promise<unknown> {
	return machine.agent.call("guest-network-get-interfaces");
}
