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
	Lan,
	Machine,
	theFile,
} from "../machine/index.ts";
import { containerMemoryMB, installedRawDisk } from "../system/base.ts";
import { loginPage } from "../system/steps.ts";
import { howToLogIn } from "./how-to-log-in.ts";
import { keptDisk } from "./kept-disk.ts";

/** Their disks, and who keeps them running. */
const directory =
	process.env.CONTAINERS_DIRECTORY ?? cacheDirectory("containers");
const keeperFile = join(directory, "keeper");
const logFile = join(directory, "log");

interface Keeper {
	pid: number;
	/** Once they are up: how they are reached. */
	words?: string;
}

const program = new Command("npm run container --").description(
	"Runs the installed x86_64 system in containers, on one bridge; needs root",
);
program
	.command("up")
	.description("starts machines on disks that are kept for the next time")
	.argument("[number]", "how many", aNumber, 1)
	.option("--reset", "begin with fresh disks")
	.action(up);
program
	.command("shell")
	.description("a shell of root in one of them")
	.argument("[number]", "which, from 1 on", aNumber, 1)
	.action(shell);
program.command("down").description("switches them off").action(down);
program
	.command("keep", { hidden: true })
	.argument("<number>", "how many", aNumber)
	.option("--reset")
	.action(keep);

program.parseAsync().catch((error) => {
	console.error(error instanceof Error ? error.message : error);
	process.exit(1);
});

async function up(count: number, { reset }: { reset?: true }): Promise<void> {
	prepareHost(["image", "machine"]);
	if (await keeper())
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
		throw new Error(`They did not start:\n${await readFile(logFile, "utf8")}`);
	});
	console.log(await Promise.race([wordsOfKeeper(), failed]));
	process.exit();
}

async function wordsOfKeeper(): Promise<string> {
	const watcher = watch(directory);
	for (;;) {
		const changed = once(watcher, "change");
		const words = (await keeper())?.words;
		if (words) return words;
		await changed;
	}
}

/** Holds the machines until it is told to end: they end with it. */
async function keep(count: number, options: { reset?: true }): Promise<void> {
	const stopWanted = once(process, "SIGTERM");
	await writeKeeper({ pid: process.pid });
	const lan = new Lan();
	const machines: Machine[] = [];
	await Promise.race([start(), stopWanted]);
	await stopWanted;
	await Promise.allSettled(machines.map((machine) => machine.shutdown()));
	await rm(keeperFile);
	lan.stop();
	process.exit();

	async function start(): Promise<void> {
		for (let number = 1; number <= count; number++) {
			const disk = await keptDisk(
				installedRawDisk,
				directoryOf(number),
				options,
			);
			const machine = new Machine({
				name: `container-${number}`,
				lan,
				memoryMB: containerMemoryMB,
				disks: [theFile(disk)],
				ports: [
					{ guest: 443, host: await freePortFrom(8442 + number) },
					{ guest: 22, host: await freePortFrom(2221 + number) },
				],
			});
			machines.push(machine);
			// One after the other: ports and loop devices are not given out to two at once.
			await machine.boot();
		}
		await Promise.all(machines.map((machine) => loginPage(machine)));
		const words = machines.map(howToLogIn).join("");
		await writeKeeper({ pid: process.pid, words });
	}
}

async function writeKeeper(keeper: Keeper): Promise<void> {
	await writeFile(`${keeperFile}.new`, JSON.stringify(keeper));
	await rename(`${keeperFile}.new`, keeperFile);
}

/** By the namespaces: no password is asked. */
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
	const found = await keeper();
	if (!found) throw new Error("No containers are running");
	process.kill(found.pid, "SIGTERM");
	await eventually("they are off", async () => !(await keeper()) || undefined, {
		timeoutMs: 150_000,
	});
}

/** Who keeps the machines; undefined where nobody does, whoever has that process number now. */
async function keeper(): Promise<Keeper | undefined> {
	const text = await readFile(keeperFile, "utf8").catch(() => "null");
	const found = JSON.parse(text) as Keeper | null;
	const command = await readFile(`/proc/${found?.pid}/cmdline`, "utf8").catch(
		() => "",
	);
	return found && command.includes(`${import.meta.filename}\0keep\0`)
		? found
		: undefined;
}

/** The only child of a process that pgrep finds. */
function childOf(process: string[]): string | undefined {
	const found = (args: string[]) =>
		spawnSync("pgrep", args).stdout.toString().trim().split("\n")[0];
	const parent = found(process);
	return parent ? found(["--parent", parent]) : undefined;
}

function directoryOf(number: number): string {
	return join(directory, String(number));
}

function aNumber(text: string): number {
	const number = Number(text);
	if (!Number.isSafeInteger(number) || number < 1 || number > 32)
		throw new InvalidArgumentError("Must be a whole number from 1 to 32.");
	return number;
}
