import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { $ } from "zx";
import { temporaryDirectory } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import {
	logins,
	managerCookie,
	managerPassword,
	outputOf,
	post,
} from "./system/steps.ts";

const machine = runningContainer(test, "access");

test.serial("admin logs in by SSH", async (t) => {
	const ssh = await machine.ssh(...logins.admin);
	t.is((await outputOf(ssh, "whoami; echo ~")).trim(), "admin\n/home/admin");
	ssh.close();
});

test.serial("root cannot log in by SSH", async (t) => {
	await t.throwsAsync(machine.ssh(...logins.root), {
		message: /authentication methods failed/i,
	});
});

test.serial("a wrong password is refused", async (t) => {
	await t.throwsAsync(machine.ssh("admin", "iplinux"), {
		message: /authentication methods failed/i,
	});
});

test.serial("admin becomes root with su root", async (t) => {
	const ssh = await machine.ssh(...logins.admin);
	const terminal = await ssh.terminal();
	await terminal.expect(/\$ *$/);
	terminal.send("su root\n");
	await terminal.expect(/[Pp]assword: */);
	terminal.send(`${logins.root[1]}\n`);
	await terminal.expect(/# *$/);
	t.is((await outputOf(terminal, "id -u")).trim(), "0");
	ssh.close();
});

test.serial("su root refuses a wrong password", async (t) => {
	const ssh = await machine.ssh(...logins.admin);
	const terminal = await ssh.terminal();
	await terminal.expect(/\$ *$/);
	terminal.send("su root\n");
	await terminal.expect(/[Pp]assword: */);
	terminal.send("wrong\n");
	await terminal.expect(/[Ff]ailure|incorrect/);
	await terminal.expect(/\$ *$/);
	t.is((await outputOf(terminal, "id -un")).trim(), "admin");
	ssh.close();
});

test.serial("admin cannot become root with sudo", async (t) => {
	const ssh = await machine.ssh(...logins.admin);
	const { exitCode } = await ssh.run("sudo -n id");
	t.not(exitCode, 0);
	ssh.close();
});

test.serial("files are copied in both directions by SFTP", async (t) => {
	const ssh = await machine.ssh(...logins.admin);
	const content = randomBytes(300_000);
	await ssh.writeFile("/home/admin/by-sftp", content);
	t.deepEqual(await ssh.readFile("/home/admin/by-sftp"), content);
	ssh.close();
});

test.serial("files are copied in both directions by scp", async (t) => {
	const directory = temporaryDirectory();
	t.teardown(directory.remove);
	const here = join(directory.path, "here");
	const back = join(directory.path, "back");
	const content = randomBytes(300_000);
	await writeFile(here, content);
	const scp = await scpWithPassword(directory.path, logins.admin[1]);
	const there = "admin@127.0.0.1:by-scp";
	// -O selects the protocol of old clients; new ones use SFTP.
	await scp`scp -O ${scp.options(machine.port(22))} ${here} ${there}`;
	await scp`scp ${scp.options(machine.port(22))} ${there} ${back}`;
	t.deepEqual(await readFile(back), content);
});

test.serial("one new password replaces all three", async (t) => {
	const newPassword = `it's "$1" \\ a: new one`;
	const cookie = await managerCookie(machine);
	const body = { currentPassword: managerPassword, newPassword };
	const { status } = await post(machine, "changeAllPasswords", {
		cookie,
		body: JSON.stringify(body),
	});
	t.is(status, 200);
	await t.throwsAsync(machine.ssh(...logins.admin), {
		message: /authentication methods failed/i,
	});
	const ssh = await machine.ssh("admin", newPassword);
	const terminal = await ssh.terminal();
	await terminal.expect(/\$ *$/);
	terminal.send("su root\n");
	await terminal.expect(/[Pp]assword: */);
	terminal.send(`${newPassword}\n`);
	await terminal.expect(/# *$/);
	t.is((await outputOf(terminal, "id -u")).trim(), "0");
	const shadow = "stat -L -c '%a %U' /etc/shadow; readlink /etc/shadow";
	t.is(
		(await outputOf(terminal, shadow)).trim(),
		"600 root\n../mnt/sda2/system/shadow",
	);
	ssh.close();
	const login = await post(machine, "login", {
		body: JSON.stringify({ password: newPassword }),
	});
	t.is(login.status, 200);
});

/** Returns a shell in which OpenSSH's scp asks a helper program for the password. */
async function scpWithPassword(directory: string, password: string) {
	const askpass = join(directory, "askpass");
	await writeFile(askpass, `#!/bin/sh\necho ${password}\n`, { mode: 0o700 });
	const shell = $({
		quiet: true,
		env: {
			...process.env,
			SSH_ASKPASS: askpass,
			SSH_ASKPASS_REQUIRE: "force",
		},
	});
	const options = (port: number) => [
		...["-q", "-P", String(port)],
		...["-o", "StrictHostKeyChecking=no"],
		...["-o", `UserKnownHostsFile=${join(directory, "known_hosts")}`],
	];
	return Object.assign(shell, { options });
}
