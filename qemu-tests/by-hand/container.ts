import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { openSync, watch } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { freePortFrom } from "../../development/free-port.ts";
import { prepareHost } from "../../pipeline/host.ts";
import {
	cacheDirectory,
	eventually,
	existingDisk,
	Lan,
	Machine,
} from "../machine/index.ts";
import { containerMemoryMB, installedRawDisk } from "../system/base.ts";
import { loginPage } from "../system/steps.ts";
import { loginHelp, persistentDisk } from "./by-hand.ts";

/** Contains the disks, and the file and log of the keeper process. */
const directory =
	process.env.CONTAINERS_DIRECTORY ?? cacheDirectory("containers");
const keeperFile = join(directory, "keeper");
const logFile = join(directory, "log");

/** The background process that keeps the machines running. */
interface Keeper {
	pid: number;
	/** How to log in; set once the machines are up. */
	words?: string;
}

const program = new Command("npm run container --").description(
	"Runs the installed x86_64 system in containers, on one bridge; needs root",
);
program
	.command("up")
	.description("starts machines on persistent disks")
	.argument("[number]", "how many", parseCount, 1)
	.option("--reset", "start with new disks")
	.action(up);
program
	.command("shell")
	.description("opens a root shell in a machine")
	.argument("[number]", "number of the machine, from 1", parseCount, 1)
	.action(shell);
program.command("down").description("shuts the machines down").action(down);
program
	.command("keep", { hidden: true })
	.argument("<number>", "how many", parseCount)
	.option("--reset")
	.action(keep);

program.parseAsync().catch((error) => {
	console.error(error instanceof Error ? error.message : error);
	process.exit(1);
});

async function up(count: number, { reset }: { reset?: true }): Promise<void> {
	prepareHost(["image", "machine"]);
	if (await findKeeper())
		throw new Error(
			"Containers are running already. Stop them with: npm run container -- down",
		);
	await mkdir(directory, { recursive: true });
	console.log("Starting … (the first time, the image is installed in QEMU)");
	const log = openSync(logFile, "w");
	await rm(keeperFile, { force: true });
	const child = spawn(
		process.execPath,
		[
			...[...process.execArgv, import.meta.filename, "keep", String(count)],
			...(reset ? ["--reset"] : []),
		],
		{ detached: true, stdio: ["ignore", log, log] },
	);
	const failed = once(child, "exit").then(async () => {
		throw new Error(
			`The containers did not start:\n${await readFile(logFile, "utf8")}`,
		);
	});
	console.log(await Promise.race([waitForWords(), failed]));
	process.exit();
}

async function waitForWords(): Promise<string> {
	const watcher = watch(directory);
	for (;;) {
		const changed = once(watcher, "change");
		const words = (await findKeeper())?.words;
		if (words) return words;
		await changed;
	}
}

/** Keeps the machines running until SIGTERM, then shuts them down. */
async function keep(count: number, options: { reset?: true }): Promise<void> {
	const stopRequested = once(process, "SIGTERM");
	await writeKeeper({ pid: process.pid });
	const lan = new Lan();
	const machines: Machine[] = [];
	await Promise.race([start(), stopRequested]);
	await stopRequested;
	await Promise.allSettled(machines.map((machine) => machine.shutdown()));
	await rm(keeperFile);
	lan.stop();
	process.exit();

	async function start(): Promise<void> {
		for (let number = 1; number <= count; number++) {
			const disk = await persistentDisk(
				installedRawDisk,
				directoryOf(number),
				options,
			);
			const machine = new Machine({
				name: `container-${number}`,
				lan,
				memoryMB: containerMemoryMB,
				disks: [existingDisk(disk)],
				ports: [
					{ guest: 444, host: await freePortFrom(8442 + number) },
					{ guest: 443, host: await freePortFrom(4429 + number) },
					{ guest: 22, host: await freePortFrom(2221 + number) },
				],
			});
			machines.push(machine);
			// One after the other, since ports and loop devices are not assigned atomically.
			await machine.boot();
		}
		await Promise.all(machines.map((machine) => loginPage(machine)));
		const words = machines.map(loginHelp).join("");
		await writeKeeper({ pid: process.pid, words });
	}
}

async function writeKeeper(keeper: Keeper): Promise<void> {
	await writeFile(`${keeperFile}.new`, JSON.stringify(keeper));
	await rename(`${keeperFile}.new`, keeperFile);
}

/** Enters the namespaces, so no password is required. */
async function shell(number: number): Promise<void> {
	const disk = join(directoryOf(number), "disk.raw").replaceAll(".", "\\.");
	const init = childOf(["--full", `^unshare .* ${disk} `]);
	if (!init) throw new Error(`Container ${number} is not running`);
	const { status } = spawnSync(
		"nsenter",
		[
			...[`--target=${init}`, "--all", "--root", "--wd=/"],
			...["env", "-i", "HOME=/home/root", "TERM=xterm", "sh", "-l"],
		],
		{ stdio: "inherit" },
	);
	process.exitCode = status ?? 1;
}

async function down(): Promise<void> {
	const found = await findKeeper();
	if (!found) throw new Error("No containers are running");
	process.kill(found.pid, "SIGTERM");
	await eventually(
		"the containers are off",
		async () => !(await findKeeper()) || undefined,
		{
			timeoutMs: 150_000,
		},
	);
}

/** Returns the running keeper, or undefined. Checks the command line, since the process id may have been reused. */
async function findKeeper(): Promise<Keeper | undefined> {
	const text = await readFile(keeperFile, "utf8").catch(() => "null");
	const found = JSON.parse(text) as Keeper | null;
	const command = await readFile(`/proc/${found?.pid}/cmdline`, "utf8").catch(
		() => "",
	);
	return found && command.includes(`${import.meta.filename}\0keep\0`)
		? found
		: undefined;
}

/** Returns the only child of the process that pgrep finds. */
function childOf(process: string[]): string | undefined {
	const found = (args: string[]) =>
		spawnSync("pgrep", args).stdout.toString().trim().split("\n")[0];
	const parent = found(process);
	return parent ? found(["--parent", parent]) : undefined;
}

function directoryOf(number: number): string {
	return join(directory, String(number));
}

function parseCount(text: string): number {
	const number = Number(text);
	if (!Number.isSafeInteger(number) || number < 1 || number > 32)
		throw new InvalidArgumentError("Must be a whole number from 1 to 32.");
	return number;
}
