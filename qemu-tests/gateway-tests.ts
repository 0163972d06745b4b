import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestFn } from "ava";
import { gatewayLayout } from "../partitioning/layout.ts";
import { machineForTests, timeLimit } from "./machine/index.ts";
import { diskAt } from "./powercut/replay.ts";
import { cutTests, middleCut } from "./powercut/sample.ts";
import { installStory } from "./powercut/stories/install.ts";
import type { Story } from "./powercut/story.ts";
import {
	bootByFields,
	type GatewayTarget,
	switchOff,
	waitForInit,
	waitForUBoot,
} from "./system/gateway-boot.ts";
import { installedDiskTests } from "./system/installed-disk.ts";
import { memoryFigures, report } from "./system/report.ts";
import {
	checkFileSystems,
	loginPage,
	logins,
	managerSession,
	outputOf,
	watchInstallation,
} from "./system/steps.ts";

const minute = 60_000;
const menu = "/mnt/sda1/extlinux/extlinux.conf";

/**
 * Tests the life of a gateway on one machine, since emulation is slow: the image at the start of an SSD installs itself,
 * loses its power half-way, installs itself again, boots again, is repaired in the rescue system and boots once more.
 */
export function gatewayTests(test: TestFn, target: GatewayTarget): void {
	const figures = (values: Record<string, unknown>) =>
		report(`gateway ${target}`, values);
	let powerOnMs = 0;
	const secondsSincePowerOn = () =>
		Math.round((performance.now() - powerOnMs) / 1000);

	const installation: Story = {
		...installStory(target, { sizeMB: 8_000 }),
		async run(installing) {
			powerOnMs = performance.now();
			await waitForUBoot(installing, "rescue");
			await watchInstallation(installing, { timeoutMs: 15 * minute });
			await figures({ secondsFromPowerOnToRestart: secondsSincePowerOn() });
		},
	};
	const recording = cutTests(test, installation, { points: 60 });
	const machine = machineForTests(test, {
		name: `gateway-${target}`,
		target,
		disks: [
			async (directory, name) => {
				const path = join(directory, `${name}.raw`);
				await diskAt(recording(), target, middleCut(recording()), path);
				return { path, format: "raw" };
			},
		],
	});

	test.serial("installs after a power cut without user input", async (t) => {
		t.timeout(timeLimit(20 * minute));
		powerOnMs = performance.now();
		await machine.boot();
		await waitForUBoot(machine, "rescue");
		await watchInstallation(machine, { timeoutMs: 15 * minute });
		t.pass();
	});

	test.serial("restarts with U-Boot into the system", async (t) => {
		t.timeout(timeLimit(15 * minute));
		await waitForUBoot(machine, "system");
		await waitForInit(machine);
		await loginPage(machine, { timeoutMs: 12 * minute });
		await figures({ secondsFromPowerOnToLoginPage: secondsSincePowerOn() });
		t.pass();
	});

	installedDiskTests(test, machine, gatewayLayout);

	test.serial("keeps U-Boot's partition as FAT32", async (t) => {
		const version = "blkid -p -s VERSION -o value /dev/sda1";
		t.is((await outputOf(machine.console, version)).trim(), "FAT32");
	});

	test.serial("makes the system U-Boot's default", async (t) => {
		const text = await outputOf(machine.console, `cat ${menu}`);
		t.regex(text, /^default system\n/);
		const labels = [...text.matchAll(/^label (.*)$/gm)].map(([, name]) => name);
		t.deepEqual(labels, ["rescue", "system"]);
	});

	test.serial("lets the administrator into the manager", async (t) => {
		t.timeout(timeLimit(3 * minute));
		const call = await managerSession(machine);
		t.like(await call("session"), { loggedIn: true, defaultPassword: true });
		t.like(await call("systemStatus"), { release: { target } });
	});

	test.serial("lets admin in by SSH", async (t) => {
		t.timeout(timeLimit(5 * minute));
		const ssh = await machine.ssh(...logins.admin);
		t.is((await outputOf(ssh, "whoami")).trim(), "admin");
		ssh.close();
	});

	test.serial("runs in 256 MB of memory", async (t) => {
		t.timeout(timeLimit(3 * minute));
		const free = await outputOf(machine.console, "free");
		const memory = await memoryFigures(machine.console);
		await figures({ free: free.trim().split("\n"), memory });
		const commands = memory.processes.map(({ command }) => command).join("\n");
		for (const service of ["/apps/manager/manager", "haproxy", "postgres"])
			t.true(commands.includes(service), `${service} runs`);
		const available = memory.availableKilobytes;
		t.true(available > 20_000, `${available} KB are available`);
		const kernel = await outputOf(machine.console, "dmesg");
		t.notRegex(kernel, /Out of memory|oom-kill/i);
	});

	test.serial("shuts down at the power button", async (t) => {
		t.timeout(timeLimit(4 * minute));
		await machine.shutdown({ timeoutMs: 3 * minute });
		t.pass();
	});

	test.serial("boots straight into the system", async (t) => {
		t.timeout(timeLimit(10 * minute));
		powerOnMs = performance.now();
		await machine.boot();
		await waitForUBoot(machine, "system");
		await waitForInit(machine);
		await loginPage(machine, { timeoutMs: 8 * minute });
		await figures({ secondsOfSecondStart: secondsSincePowerOn() });
		await machine.console.login(...logins.root);
		await switchOff(machine);
		t.pass();
	});

	let shownBefore = 0;
	test.serial("boots the rescue system by its fields", async (t) => {
		t.timeout(timeLimit(10 * minute));
		shownBefore = (await readFile(machine.serialLog, "utf8")).length;
		await bootByFields(machine, {
			root: "root=/dev/ram0 ramdisk_size=100000",
			initrd: "ramdisk.ext2.xz",
		});
		await machine.console.expect(/rescue system/, { timeoutMs: 5 * minute });
		await machine.console.login(...logins.root);
		const mounts = await outputOf(machine.console, "cat /proc/mounts");
		t.regex(mounts, / \/mnt\/sda1 vfat /);
		t.notRegex(mounts, / \/mnt\/sda2 /);
	});

	test.serial("both file systems pass a check in rescue", async (t) => {
		t.timeout(timeLimit(10 * minute));
		for (const output of await checkFileSystems(machine.console))
			t.regex(output, /files \([\d.]+% non-contiguous\)/);
	});

	test.serial("lets an admin choose U-Boot's default in vi", async (t) => {
		t.timeout(timeLimit(4 * minute));
		const { console } = machine;
		for (const [before, after] of [
			["system", "rescue"],
			["rescue", "system"],
		] as const) {
			console.skip();
			console.send("vi /mnt/sda1/extlinux/extlinux.conf\n");
			await console.expect(`default ${before}`);
			console.send(`:1s/${before}/${after}/\n`);
			await console.expect("[Modified]");
			console.send(":wq\n");
			await console.expect(/:~# /);
			const [first] = (await outputOf(console, `cat ${menu}`)).split("\n");
			t.is(first, `default ${after}`);
		}
	});

	test.serial("the rescue system installs nothing by itself", async (t) => {
		t.timeout(timeLimit(4 * minute));
		await switchOff(machine);
		const log = await readFile(machine.serialLog, "utf8");
		t.notRegex(log.slice(shownBefore), /Partitioning|Installing/);
	});

	test.serial("boots the system by its fields", async (t) => {
		t.timeout(timeLimit(10 * minute));
		powerOnMs = performance.now();
		await bootByFields(machine, { root: "root=/dev/sda3" });
		await waitForInit(machine);
		await loginPage(machine, { timeoutMs: 8 * minute });
		await figures({ secondsOfStartByFields: secondsSincePowerOn() });
		await machine.console.login(...logins.root);
		const mounts = await outputOf(machine.console, "cat /proc/mounts");
		t.regex(mounts, / \/ ext4 rw/);
		t.regex(mounts, / \/mnt\/sda2 ext4 rw/);
	});
}
