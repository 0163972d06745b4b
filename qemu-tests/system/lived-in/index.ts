import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestFn } from "ava";
import { $ } from "zx";
import {
	type Console,
	type DiskFile,
	Lan,
	type Machine,
	type MachineOptions,
	machineForTests,
	overlayOn,
	rawCopyOf,
	type Ssh,
	type TargetName,
	temporaryDirectory,
	timeLimit,
} from "../../machine/index.ts";
import { containerMemoryMB } from "../base.ts";
import { rootBySsh, setLoginsOf } from "../steps.ts";
import { ownLogins } from "./logins.ts";
import { livedInDisk } from "./make.ts";
import type { State } from "./state.ts";

export { filesPassword } from "./apps.ts";
export { ownLogins } from "./logins.ts";
export { type LivedInDisk, livedInDisk } from "./make.ts";
export { livedInState, without } from "./state.ts";

/**
 * Returns a machine with the data and settings of an owner, switched off, and the state that must be found on it
 * later.
 */
export function livedInMachine(
	test: TestFn,
	options: MachineOptions,
): LivedInMachine {
	return livedIn(test, { ...options, disks: [overlayOn(diskOf(options))] });
}

/** Like `livedInMachine`, as a container. */
export function livedInContainer(test: TestFn, name: string): LivedInMachine {
	const lan = new Lan();
	test.after.always(() => lan.stop());
	return livedIn(test, {
		...{ name, lan, memoryMB: containerMemoryMB },
		disks: [rawCopyOf(diskOf({}))],
	});
}

interface LivedInMachine {
	machine: Machine;
	before(): State;
}

const diskOf =
	({ target }: { target?: TargetName }) =>
	async () =>
		(await livedInDisk(target)).disk;

function livedIn(test: TestFn, options: MachineOptions): LivedInMachine {
	const machine = machineForTests(test, options);
	setLoginsOf(machine, ownLogins);
	let before: State;
	test.before("the lived-in disk exists", async (t) => {
		t.timeout(timeLimit(30 * 60_000));
		({ state: before } = await livedInDisk(options.target));
		await machine.disks();
	});
	return { machine, before: () => before };
}

/**
 * Opens SSH sessions of root that users leave open: one with the boot partition as working directory, one with a packet
 * capture and one that follows a log.
 */
export async function openSessions(
	machine: Machine,
): Promise<{ terminals: readonly Console[]; close(): void }> {
	const opened: { ssh: Ssh; terminal: Console }[] = [];
	for (const command of [
		"cd /mnt/sda1 && ls",
		"tcpdump -i eth0 -w /tmp/capture",
		"tail -f /var/log/messages",
	]) {
		const session = await rootBySsh(machine);
		session.terminal.send(`${command}\n`);
		await session.terminal.expect("\n");
		opened.push(session);
	}
	return {
		terminals: opened.map(({ terminal }) => terminal),
		close() {
			for (const { ssh } of opened) ssh.close();
		},
	};
}

/** Text of the owner that a new system does not contain. */
const ownerTexts = [
	"Käse & Brot",
	"Bericht März",
	"Übersicht März",
	"pbx.example.com",
	"database-host.cjs",
	"# of the owner",
];

/** Returns the owner's text that is still anywhere on a disk, in a file or not. */
export async function findOwnerText(disk: DiskFile): Promise<string[]> {
	const quiet = $({ quiet: true, nothrow: true });
	const directory = temporaryDirectory();
	const raw = join(directory.path, "raw");
	try {
		await quiet({
			nothrow: false,
		})`qemu-img convert -f ${disk.format} -O raw ${disk.path} ${raw}`;
		const patterns = ownerTexts.flatMap((text) => ["-e", text]);
		// Lines end with NUL: otherwise free space would be one line of gigabytes.
		const found = await quiet`grep --null-data -aoF ${patterns} ${raw}`;
		return [...new Set(found.stdout.split(/[\0\n]/))].filter(Boolean).sort();
	} finally {
		await rm(raw, { force: true });
		directory.remove();
	}
}
