import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { $ } from "zx";
import { freePortFrom } from "../../development/free-port.ts";
import { prepareHost } from "../../pipeline/host.ts";
import {
	builtImage,
	cacheDirectory,
	type DiskControllerName,
	type DiskFile,
	type DiskFormat,
	diskControllers,
	type Firmware,
	firmwares,
	Machine,
	type NetworkCard,
	networkCards,
	type TargetName,
	targets,
} from "../machine/index.ts";
import { loginHelp, persistentDisk } from "./by-hand.ts";

/** `npm run vm` runs a built image as a virtual machine, for manual use. */
const command = new Command("npm run vm --")
	.description(
		"Starts a built image in QEMU on a persistent disk and shows its serial console",
	)
	.addArgument(
		new Argument("[target]").choices(Object.keys(targets)).default("x86_64"),
	)
	.option("--reset", "start with a new disk")
	.option("--memory <MB>", "memory", wholeNumber)
	.option(
		"--disk-size <GB>",
		"size of the disk; an existing disk is enlarged, never shrunk",
		wholeNumber,
	)
	.addOption(
		new Option("--controller <name>", "disk controller").choices(
			Object.keys(diskControllers),
		),
	)
	.addOption(
		new Option("--firmware <name>", "firmware, UEFI only for x86_64").choices(
			firmwares,
		),
	)
	.addOption(
		new Option("--network <card>", "network card").choices(networkCards),
	)
	.parse();
const target = command.processedArgs[0] as TargetName;
const options = command.opts<{
	reset?: true;
	memory?: number;
	diskSize?: number;
	controller?: DiskControllerName;
	network?: NetworkCard;
	firmware?: Firmware;
}>();
/** Ctrl-], as in telnet: no program on the console uses it. */
const escapeKey = 0x1d;

main().catch((error) => {
	console.error(error instanceof Error ? error.message : error);
	process.exit(1);
});

async function main(): Promise<void> {
	prepareHost(["image", "machine"]);
	const machine = new Machine({
		name: `vm-${target}`,
		target,
		disks: [disk],
		isOnline: true,
		ports: [
			{ guest: 444, host: await freePortFrom(8443) },
			{ guest: 443, host: await freePortFrom(4430) },
			{ guest: 22, host: await freePortFrom(2222) },
		],
		...(options.memory && { memoryMB: options.memory }),
		...(options.controller && { diskController: options.controller }),
		...(options.firmware && { firmware: options.firmware }),
		...(options.network && { network: options.network }),
	});
	await machine.boot();
	console.log(loginHelp(machine));
	console.log(
		"The console follows. Ctrl-] switches it off; press it twice to cut the power.\n",
	);
	machine.console.attach(process.stdout);
	if (process.stdin.isTTY) process.stdin.setRawMode(true);
	let isShuttingDown = false;
	const switchOff = () => {
		const end = isShuttingDown ? machine.cutPower() : machine.shutdown();
		isShuttingDown = true;
		end.catch((error) => console.error(`\r\n${error.message}\r`));
	};
	process.stdin.on("data", (keys: Buffer) => {
		const typed = keys.filter((key) => key !== escapeKey);
		if (typed.length > 0) machine.console.send(Buffer.from(typed).toString());
		for (const key of keys) if (key === escapeKey) switchOff();
	});
	process.stdin.once("end", switchOff);
	await machine.off;
	await machine.discard();
	process.exit();
}

async function disk(): Promise<DiskFile> {
	const format = target === "x86_64" ? "qcow2" : "raw";
	const image = async () => ({
		path: builtImage(format === "raw" ? "img" : format, target),
		format: format as DiskFormat,
	});
	const kept = await persistentDisk(
		image,
		cacheDirectory(`vm/${target}`),
		options,
	);
	if (options.diskSize)
		await $({
			quiet: true,
		})`qemu-img resize -q -f ${format} ${kept.path} ${options.diskSize}G`.catch(
			({ stderr }) => {
				throw new Error(
					`The disk cannot be resized to ${options.diskSize} GB (--reset creates a new one): ${stderr.trim()}`,
				);
			},
		);
	return kept;
}

function wholeNumber(text: string): number {
	const number = Number(text);
	if (!Number.isSafeInteger(number) || number < 1)
		throw new InvalidArgumentError("Must be a whole number of at least 1.");
	return number;
}
