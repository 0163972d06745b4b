import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync } from "node:fs";
import {
	mkdir,
	readFile,
	rename,
	rm,
	watch,
	writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { prepareHost } from "../../pipeline/host.ts";
import {
	cacheDirectory,
	copyOf,
	eventually,
	Lan,
	Machine,
	theFile,
} from "../machine/index.ts";
import { containerMemoryMB, installedRawDisk } from "../system/base.ts";
import { loginPage } from "../system/steps.ts";
import { freePortFrom } from "./free-port.ts";
import { howToLogIn } from "./how-to-log-in.ts";

/** Their disks, and who keeps them running. */
const directory =
	process.env.CONTAINERS_DIRECTORY ?? cacheDirectory("containers");
const keeperFile = join(directory, "keeper");
const logFile = join(directory, "log");

interface Keeper {
	pid: number;
	words: string;
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
	.action(keep);

program.parseAsync().catch((error) => {
	console.error(error instanceof Error ? error.message : error);
	process.exit(1);
});

async function up(count: number, { reset }: { reset?: true }): Promise<void> {
	prepareHost(["test"]);
	if (await keeper()) throw new Error("They are up already: down ends them");
	await mkdir(directory, { recursive: true });
	if (reset)
		for (let number = 1; number <= count; number++)
			await rm(diskOf(number), { force: true });
	console.log("Starting … (the first time, the image is installed in QEMU)");
	const log = openSync(logFile, "w");
	await rm(keeperFile, { force: true });
	const child = spawn(
		process.execPath,
		[...process.execArgv, import.meta.filename, "keep", String(count)],
		{ detached: true, stdio: ["ignore", log, log] },
	);
	const failed = once(child, "exit").then(async () => {
		throw new Error(`They did not start:\n${await readFile(logFile, "utf8")}`);
	});
	await Promise.race([fileMade(keeperFile), failed]);
	console.log((await keeper())?.words);
	process.exit();
}

async function fileMade(path: string): Promise<void> {
	for await (const { filename } of watch(dirname(path)))
		if (filename === basename(path)) return;
}

/** Holds the machines until it is told to end: they end with it. The keeper's file says that they are up. */
async function keep(count: number): Promise<void> {
	const lan = new Lan();
	const stopWanted = once(process, "SIGTERM");
	const numbers = Array.from({ length: count }, (_, index) => index + 1);
	const machines: Machine[] = [];
	for (const number of numbers) {
		await mkdir(dirname(diskOf(number)), { recursive: true });
		if (!existsSync(diskOf(number)))
			await copyOf(installedRawDisk)(dirname(diskOf(number)), "disk");
		machines.push(
			new Machine({
				name: `container-${number}`,
				lan,
				memoryMB: containerMemoryMB,
				disks: [theFile({ path: diskOf(number), format: "raw" })],
				ports: [
					{ guest: 443, host: await freePortFrom(8442 + number) },
					{ guest: 22, host: await freePortFrom(2221 + number) },
				],
			}),
		);
	}
	// Loop devices are not given out to two at once.
	for (const machine of machines) await machine.boot();
	await Promise.all(machines.map((machine) => loginPage(machine)));
	const words = machines.map(howToLogIn);
	const keeper: Keeper = { pid: process.pid, words: words.join("") };
	await writeFile(`${keeperFile}.new`, JSON.stringify(keeper));
	await rename(`${keeperFile}.new`, keeperFile);
	await stopWanted;
	await Promise.all(machines.map((machine) => machine.shutdown()));
	await rm(keeperFile);
	lan.stop();
	process.exit();
}

/** By the namespaces: no password is asked. */
async function shell(number: number): Promise<void> {
	const disk = diskOf(number).replaceAll(".", "\\.");
	const init = childOf(["--full", `^unshare .* ${disk} `]);
	if (!init) throw new Error(`Machine ${number} is not up`);
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
	if (!found) throw new Error("None is up");
	process.kill(found.pid, "SIGTERM");
	await eventually("they are off", async () => !(await keeper()) || undefined);
}

/** The process that keeps the machines, where there is one, and how they are reached. */
async function keeper(): Promise<Keeper | undefined> {
	const text = await readFile(keeperFile, "utf8").catch(() => undefined);
	if (text === undefined) return undefined;
	const found = JSON.parse(text) as Keeper;
	return existsSync(`/proc/${found.pid}`) ? found : undefined;
}

/** The only child of a process that pgrep finds. */
function childOf(process: string[]): string | undefined {
	const found = (args: string[]) =>
		spawnSync("pgrep", args).stdout.toString().trim().split("\n")[0];
	const parent = found(process);
	return parent ? found(["--parent", parent]) : undefined;
}

function diskOf(number: number): string {
	return join(directory, String(number), "disk.raw");
}

function aNumber(text: string): number {
	const number = Number(text);
	if (!Number.isSafeInteger(number) || number < 1 || number > 32)
		throw new InvalidArgumentError("It is a whole number from 1 to 32.");
	return number;
}
