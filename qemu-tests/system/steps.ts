import { eventually, type Machine } from "../machine/index.ts";

/** The logins of a system as it was installed. */
export const logins = {
	root: ["root", "iplinux"],
	admin: ["admin", "ipapps"],
} as const;

export const managerPassword = "pwd";

/** Follows an installation on the serial console up to the restart that ends it. */
export async function watchInstallation(machine: Machine): Promise<void> {
	await machine.console.expect(/Linux version \d/, { timeoutMs: 60_000 });
	await machine.console.expect(/\nfinished\b|\bfinished\n/, {
		timeoutMs: 300_000,
		unless: /Kernel panic|This FAILED/,
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
			const response = await machine.fetch("https", "/manager/", {
				signal: AbortSignal.timeout(5_000),
			});
			const html = await response.text();
			return response.status === 200 && html.includes("App Platform")
				? html
				: undefined;
		},
		{ timeoutMs },
	);
}

/** Holds GRUB's menu and starts its first entry. The machine has just been switched on. */
export async function chooseRescue(machine: Machine): Promise<void> {
	await machine.console.expect("Rescue and setup", { timeoutMs: 30_000 });
	const upAndEnter = "\u0010\n";
	machine.console.send(upAndEnter);
	await machine.console.expect(/Linux version \d/, { timeoutMs: 60_000 });
}

/** What a command prints; an error when it fails. Over SSH or at a console. */
export async function outputOf(
	at: {
		run(command: string): Promise<{ exitCode: number; output: string }>;
	},
	command: string,
): Promise<string> {
	const { exitCode, output } = await at.run(command);
	if (exitCode !== 0)
		throw new Error(`"${command}" ended with ${exitCode}:\n${output}`);
	return output;
}
