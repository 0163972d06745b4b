import {
	type Console,
	eventually,
	type Machine,
	type Ssh,
	timeLimit,
} from "../machine/index.ts";

/** The default logins of an installed system. */
export const logins = {
	root: ["root", "iplinux"],
	admin: ["admin", "ipapps"],
} as const;

export const managerPassword = "pwd";

/** The passwords of a machine. */
export interface Logins {
	root: readonly [user: string, password: string];
	admin: readonly [user: string, password: string];
	manager: string;
}

const changedLogins = new WeakMap<Machine, Logins>();

/** Returns the logins of the system on a machine's disk: the default ones unless they were changed. */
export function loginsOf(machine: Machine): Logins {
	return changedLogins.get(machine) ?? { ...logins, manager: managerPassword };
}

/** Sets the passwords that all steps use for the system on a machine's disk. */
export function setLoginsOf(machine: Machine, changed: Logins): void {
	changedLogins.set(machine, changed);
}

/** Follows an installation on the serial console up to the restart that ends it. */
export async function watchInstallation(
	machine: Machine,
	{ timeoutMs = 300_000 } = {},
): Promise<void> {
	await machine.console.expect(/Linux version \d/, { timeoutMs: 60_000 });
	await machine.console.expect(/\nfinished\b|\bfinished\n/, {
		timeoutMs,
		// dash prints the latter when the rescue system lacks a command of a script.
		unless: /Kernel panic|This FAILED|: not found/,
	});
	await machine.waitForReboot({ timeoutMs: 60_000 });
}

/** Waits for the manager's page and returns its HTML. */
export async function loginPage(
	machine: Machine,
	{ timeoutMs = 240_000 } = {},
): Promise<string> {
	return eventually(
		`${machine.name} serves the login page`,
		async () => {
			const signal = AbortSignal.timeout(5_000);
			const response = await fetchFromManager(machine, "/manager/", { signal });
			const html = await response.text();
			// The rescue system serves a page at this address too.
			return response.status === 200 &&
				html.includes("<title>App Platform</title>")
				? html
				: undefined;
		},
		{ timeoutMs },
	);
}

/**
 * Sends a request to the manager's own port, to which a browser that opens the manager is redirected. The rescue system
 * and the last release do not redirect: their page is on port 443.
 */
export async function fetchFromManager(
	machine: Machine,
	path: string,
	options: Parameters<Machine["fetch"]>[2] = {},
): ReturnType<Machine["fetch"]> {
	const signal = AbortSignal.timeout(timeLimit(30_000));
	const { status, body } = await machine.fetch("https", "/manager/", {
		signal: options.signal ?? signal,
	});
	await body?.cancel();
	return machine.fetch(status === 302 ? "manager" : "https", path, options);
}

/** Shuts the system down. Root is logged in at the console. */
export async function switchOff(machine: Machine): Promise<void> {
	await machine.console.run("sync");
	machine.console.send("poweroff\n");
	await machine.waitForPowerOff();
}

/** Stops GRUB's countdown and boots the first entry. The machine has just been switched on. */
export async function chooseRescue(machine: Machine): Promise<void> {
	// An update keeps the menu of the first installation, with the older title.
	const title = /Rescue (system|and setup)/;
	// UEFI firmware takes longer than a BIOS.
	await machine.console.expect(title, { timeoutMs: 60_000 });
	const upAndEnter = "\u0010\n";
	machine.console.send(upAndEnter);
	await machine.console.expect(/Linux version \d/, { timeoutMs: 60_000 });
}

/** Logs in to the manager's API; returns a function that calls an operation and returns its output. */
export async function managerSession(machine: Machine) {
	const cookie = await managerCookie(machine);
	return async (operation: string, input: object = {}): Promise<unknown> => {
		const response = await post(machine, operation, {
			cookie,
			body: JSON.stringify(input),
		});
		if (response.status !== 200)
			throw new Error(
				`${operation} returns ${response.status}: ${await response.text()}`,
			);
		return response.json();
	};
}

/** Logs in to the manager and returns the session cookie. */
export async function managerCookie(machine: Machine): Promise<string> {
	const body = JSON.stringify({ password: loginsOf(machine).manager });
	// The manager serves its page, and logs people in, before its database is ready.
	return eventually(
		"the manager's database answers",
		async () => {
			const login = await post(machine, "login", { body });
			if (login.status === 503) return undefined;
			if (login.status !== 200)
				throw new Error(`The manager's login returns ${login.status}`);
			const cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
			const alarms = await post(machine, "pastAlarms", { cookie, body: "{}" });
			return alarms.status === 503 ? undefined : cookie;
		},
		{ timeoutMs: 180_000 },
	);
}

/** Posts to the manager's API. */
export function post(
	machine: Machine,
	path: string,
	{
		body,
		cookie = "",
		contentType = "application/json",
	}: { body: string | Buffer; cookie?: string; contentType?: string },
) {
	return fetchFromManager(machine, `/manager/api/${path}`, {
		method: "POST",
		headers: { "content-type": contentType, cookie },
		body,
		signal: AbortSignal.timeout(timeLimit(120_000)),
	});
}

/** Checks both file systems in the rescue system, as documented. @throws Error when a check fails. */
export async function checkFileSystems(console: Console): Promise<string[]> {
	const outputs = [];
	for (const partition of ["/dev/sda2", "/dev/sda3"])
		outputs.push(
			await outputOf(console, `e2fsck -p -f ${partition}`, {
				timeoutMs: 300_000,
			}),
		);
	return outputs;
}

/** Returns the resident memory of a process. */
export async function residentBytes(
	console: Console,
	pid: string,
): Promise<number> {
	const status = await outputOf(console, `grep VmRSS /proc/${pid}/status`);
	return 1024 * Number(/\d+/.exec(status)?.[0]);
}

/** Sets the clock of a resumed snapshot, for which a new certificate would not be valid yet. */
export async function setClock(console: Console): Promise<void> {
	const seconds = Math.ceil(Date.now() / 1000);
	await outputOf(console, `date -u -s @${seconds}`);
}

/** Returns the version of the image's PostgreSQL, such as "17.6". It depends on the base. */
export async function postgresqlVersion(console: Console): Promise<string> {
	const output = await outputOf(console, "postgres --version");
	const [, version] = /\(PostgreSQL\) (\d+\.\d+)/.exec(output) ?? [];
	if (!version) throw new Error(`postgres --version prints "${output}"`);
	return version;
}

/** Runs a command over SSH or at a console and returns its output. @throws Error when the command fails. */
export async function outputOf(
	at: {
		run(
			command: string,
			options?: { timeoutMs?: number },
		): Promise<{ exitCode: number; output: string }>;
	},
	command: string,
	options: { timeoutMs?: number } = {},
): Promise<string> {
	const { exitCode, output } = await at.run(command, options);
	if (exitCode !== 0)
		throw new Error(`"${command}" ended with ${exitCode}:\n${output}`);
	return output;
}

/** Logs in by SSH as admin and becomes root with su, as documented. */
export async function rootBySsh(
	machine: Machine,
): Promise<{ ssh: Ssh; terminal: Console }> {
	const { admin, root } = loginsOf(machine);
	const ssh = await machine.ssh(...admin);
	const terminal = await ssh.terminal();
	await terminal.expect(/\$ *$/);
	terminal.send("su root\n");
	await terminal.expect(/[Pp]assword: */);
	terminal.send(`${root[1]}\n`);
	await terminal.expect(/# *$/);
	return { ssh, terminal };
}
