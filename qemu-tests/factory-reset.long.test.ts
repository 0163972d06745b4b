import { createHash } from "node:crypto";
import test from "ava";
import { timeLimit } from "./machine/index.ts";
import {
	findOwnerText,
	livedInMachine,
	ownLogins,
} from "./system/lived-in/index.ts";
import { writeOwnerData } from "./system/owner-data.ts";
import { enterRescue, restart, runUntilRestart } from "./system/rescue.ts";
import {
	loginPage,
	logins,
	managerPassword,
	managerSession,
	outputOf,
	setLoginsOf,
	switchOff,
} from "./system/steps.ts";

const minute = 60_000;
/** The hash of an empty file. */
const emptyHash = createHash("sha256").digest("hex");
const command = "/home/root/install.sh log.txt factory";
const { machine, before } = livedInMachine(test, {
	name: "factory-reset",
});

test.serial("an owner boots the rescue system", async (t) => {
	t.timeout(timeLimit(3 * minute));
	await machine.boot();
	await enterRescue(machine, ownLogins.root[1]);
	t.pass();
});

test.serial("a script cannot reset the machine", async (t) => {
	const before = await state();
	const ssh = await machine.ssh(...ownLogins.root);
	const { exitCode, output } = await ssh.run(command, { input: "ERASE\n" });
	ssh.close();
	t.not(exitCode, 0);
	t.regex(output, /confirmed at a terminal; nothing is changed/);
	t.is(await state(), before);
});

for (const answer of ["erase", "yes", "", "ERASE it"])
	test.serial(`the answer "${answer}" changes nothing`, async (t) => {
		const before = await state();
		machine.console.send(`${command}\n`);
		await machine.console.expect(/Type ERASE to continue.*: /);
		machine.console.send(`${answer}\n`);
		await machine.console.expect("Not confirmed; nothing is changed");
		t.is(await state(), before);
	});

test.serial("Ctrl-C at the question changes nothing", async (t) => {
	const before = await state();
	machine.console.send(`${command}\n`);
	await machine.console.expect(/Type ERASE to continue.*: /);
	machine.console.send("\u0003");
	// The terminal drops input before the prompt is back.
	await machine.console.expect(/:~# /);
	t.is(await state(), before);
});

test.serial("a mounted data partition is not erased", async (t) => {
	const { console } = machine;
	await outputOf(
		console,
		"mkdir -p /mnt/look && mount -o ro /dev/sda2 /mnt/look",
	);
	console.send(`${command}\n`);
	await console.expect(/Type ERASE to continue.*: /);
	console.send("ERASE\n");
	await console.expect(/is in use: .*mounted on \/mnt\/look/, {
		timeoutMs: 2 * minute,
	});
	await console.expect("This FAILED");
	await outputOf(console, "umount /mnt/look");
	t.regex(await outputOf(console, "e2label /dev/sda2"), /^data$/m);
});

test.serial("the answer ERASE resets the machine", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await runUntilRestart(machine, `${command}\nERASE`);
	setLoginsOf(machine, { ...logins, manager: managerPassword });
	await loginPage(machine);
	await assertFactoryState();
	t.pass();
});

test.serial("has only the default passwords", async (t) => {
	t.timeout(timeLimit(3 * minute));
	const ssh = await machine.ssh(...logins.admin);
	t.is((await outputOf(ssh, "whoami")).trim(), "admin");
	ssh.close();
	await t.throwsAsync(machine.ssh(...ownLogins.admin), {
		message: /authentication methods failed/i,
	});
	const call = await managerSession(machine);
	t.like(await call("session"), { loggedIn: true, defaultPassword: true });
});

test.serial("no data of the owner is left on the disk", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await switchOff(machine);
	const [disk] = await machine.disks();
	t.deepEqual(disk && (await findOwnerText(disk)), []);
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
});

test.serial("resumes by itself after a power cut during erasing", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await writeOwnerData(machine.console);
	await restart(machine);
	await enterRescue(machine);
	machine.console.send(`${command}\nERASE\n`);
	await machine.console.expect(/Erasing the old data/, {
		timeoutMs: 2 * minute,
	});
	await machine.cutPower();
	await machine.boot();
	await machine.console.expect(/Erasing the old data/, {
		timeoutMs: 2 * minute,
	});
	await machine.waitForReboot({ timeoutMs: 5 * minute });
	await loginPage(machine);
	await assertFactoryState();
	t.pass();
});

/** Returns what a reset changes first: the boot menu, the superblock, the settings in RAM. */
async function state(): Promise<string> {
	return outputOf(
		machine.console,
		`head -n 1 /boot/grub/grub.cfg
		dd if=/dev/sda2 bs=4096 count=1 2>/dev/null | sha256sum
		dd if=/dev/sda2 bs=4096 count=1 skip=32768 2>/dev/null | sha256sum
		cat /mnt/sda2/system/network /mnt/sda2/system/shadow
		ls /run/install.lock 2>&1`.concat("; true"),
	);
}

/** Asserts that no file of the owner exists. Ends logged in as root with the default password. */
async function assertFactoryState(): Promise<void> {
	const { console } = machine;
	await console.login(...logins.root);
	const files = await outputOf(
		console,
		"find /mnt/sda2/home /mnt/sda2/system -type f | xargs sha256sum; cat /mnt/sda2/system/network",
	);
	if (!/^MODE=dhcp$/m.test(files)) throw new Error(`Old settings: ${files}`);
	for (const line of before().homeFiles as string[]) {
		const [, , hash = "", path] = line.split(" ");
		if (hash !== emptyHash && files.includes(hash))
			throw new Error(`${path} is an old file`);
	}
	const { exitCode } = await console.run("psql -d example.com_notes -c ''");
	if (exitCode === 0) throw new Error("An old database is there");
}
