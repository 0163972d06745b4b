import { fileURLToPath } from "node:url";
import {
	type AgentChannel,
	agentDevices,
	type DiskControllerName,
	diskControllers,
	type NetworkCard,
} from "./devices.ts";
import type { DiskFile } from "./disks.ts";
import { type Target, type TargetName, targets } from "./targets.ts";

/** A kernel started without firmware and boot loader, as by the fields of a gateway. */
export type DirectBoot = { kernel: string; initrd?: string; append?: string };

/** All of a machine that QEMU's command line says. */
export type Hardware = {
	target: TargetName;
	diskController: DiskControllerName;
	network: NetworkCard | "none";
	guestAgent: AgentChannel;
	memoryMB: number;
	cpus: number;
	/** Ports of the guest that are reached from here. */
	ports: readonly PortForward[];
	/** All of this host that the guest reaches. */
	hostServices: readonly HostService[];
	/** Whether it reaches what this host reaches. */
	isOnline: boolean;
	/** A TAP device of this host, which a second network card leads to. */
	tap?: string | undefined;
};

/** A port of the guest, and that of 127.0.0.1 which leads to it; where none is said, any that is free. */
export type PortForward = number | { guest: number; host: number };

/** A port of 127.0.0.1 that the guest reaches at an address of its network, 10.0.2.0/24. */
export type HostService = { address: string; port: number };

export type Wiring = {
	name: string;
	acceleration: "kvm" | "tcg";
	disks: readonly DiskFile[];
	sockets: { qmp: string; console: string; agent: string };
	serialLog: string;
	/** A snapshot of the disks' to start from. */
	snapshot?: string | undefined;
	/** Otherwise the firmware looks for something to start. */
	directBoot?: DirectBoot | undefined;
};

/** The command line for QEMU, without the emulator's name. */
export function qemuArguments(hardware: Hardware, wiring: Wiring): string[] {
	const target: Target = targets[hardware.target];
	const { kernel, initrd, append } = wiring.directBoot ?? {};
	const chardev = (id: string, path: string, more = "") =>
		`socket,id=${id},path=${path}${more}`;
	const hasConsole = hardware.guestAgent !== "isa";
	const agent = agentDevices(hardware.guestAgent);
	const log = `,logfile=${wiring.serialLog},logappend=on`;

	return [
		...option("name", wiring.name),
		"-nodefaults",
		"-no-user-config",
		...option("display", "none"),
		...option("machine", target.machineType),
		...option("accel", accelerator(wiring.acceleration)),
		...option("cpu", wiring.acceleration === "kvm" ? "host" : target.cpu),
		...option("smp", String(hardware.cpus)),
		...option("m", String(hardware.memoryMB)),
		// U-Boot would itself start a kernel that QEMU is given.
		...option("bios", wiring.directBoot ? undefined : target.firmware),
		...option("kernel", kernel),
		...option("initrd", initrd),
		...option("append", append),
		...option("loadvm", wiring.snapshot),
		...target.devices.flatMap((device) => option("device", device)),
		...option("chardev", chardev("qmp", wiring.sockets.qmp)),
		...option("mon", "chardev=qmp,mode=control"),
		...(hasConsole
			? [
					...option("chardev", chardev("console", wiring.sockets.console, log)),
					...option("serial", "chardev:console"),
				]
			: []),
		...(agent.length > 0
			? option(
					"chardev",
					chardev("agent", wiring.sockets.agent, hasConsole ? "" : log),
				)
			: []),
		...agent.flatMap((device) => option("device", device)),
		...diskArguments(hardware, wiring),
		...networkArguments(hardware),
	];
}

function accelerator(acceleration: "kvm" | "tcg"): string {
	return acceleration === "kvm" ? "kvm" : "tcg,thread=multi";
}

function diskArguments(
	{ diskController }: Hardware,
	{ disks, directBoot }: Wiring,
): string[] {
	const controller = diskControllers[diskController];
	// QEMU gives index 0 to a kernel that it starts itself.
	const bootIndex = (index: number) =>
		directBoot ? "" : `,bootindex=${index}`;
	const drives = disks.flatMap((disk, index) => [
		...anyDrive(disk, index),
		...option(
			"device",
			controller.disk(`drive${index}`, index) +
				bootIndex(index) +
				sectorSize(disk) +
				(disk.writeLog && diskController === "virtio-blk" ? noMerging : ""),
		),
	]);
	const device = "device" in controller ? controller.device : undefined;
	return disks.length === 0 ? [] : [...option("device", device), ...drives];
}

function sectorSize({ sectorBytes }: DiskFile): string {
	return sectorBytes === undefined
		? ""
		: `,logical_block_size=${sectorBytes},physical_block_size=${sectorBytes}`;
}

// QEMU merges requests up to as many parts as a system call takes, to which blklogwrites adds two
// of its own: the guest would get an I/O error.
const noMerging = ",request-merging=off";

function anyDrive(disk: DiskFile, index: number): string[] {
	if (disk.writeLog) return recordedDrive(disk, index);
	if (disk.badSectors) return wornOutDrive(disk, index);
	return drive(disk, index);
}

// cache=unsafe: a guest's flush need not reach this host's disk, since a power cut of the
// tests ends QEMU alone. What it wrote before is in the host's memory and stays.
function drive(
	{ path, format, readOnly = false }: DiskFile,
	index: number,
): string[] {
	const mode = readOnly ? ",readonly=on" : "";
	return option(
		"drive",
		`if=none,id=drive${index},file=${path},format=${format},discard=unmap,cache=unsafe${mode}`,
	);
}

function wornOutDrive(
	{ path, format, badSectors = [] }: DiskFile,
	index: number,
): string[] {
	const errors = badSectors.flatMap((sector) =>
		["read", "write"].map((iotype) => ({ event: "none", iotype, sector })),
	);
	return option(
		"blockdev",
		JSON.stringify({
			"node-name": `drive${index}`,
			driver: "blkdebug",
			discard: "unmap",
			"inject-error": errors,
			image: {
				driver: format,
				discard: "unmap",
				cache: { "no-flush": true },
				file: { driver: "file", filename: path, discard: "unmap" },
			},
		}),
	);
}

// The same, but the flushes have to come as far as the node that records them.
function recordedDrive(
	{ path, format, writeLog = "", appendToLog = false }: DiskFile,
	index: number,
): string[] {
	return option(
		"blockdev",
		JSON.stringify({
			"node-name": `drive${index}`,
			driver: "blklogwrites",
			discard: "unmap",
			"log-append": appendToLog,
			file: {
				driver: format,
				discard: "unmap",
				cache: { "no-flush": true },
				file: {
					driver: "file",
					filename: path,
					discard: "unmap",
					cache: { "no-flush": true },
				},
			},
			log: {
				driver: "file",
				filename: writeLog,
				cache: { "no-flush": true },
			},
		}),
	);
}

// restrict=on: the guest gets an address but reaches nothing, not even this host, but for what it
// is led to. Port 0 lets the operating system choose; QEMU tells afterwards what it was.
function networkArguments({
	network,
	ports,
	hostServices,
	isOnline,
	tap,
}: Hardware): string[] {
	if (network === "none") return [];
	const forwards = [
		...ports
			.map(forwardOf)
			.map(({ host, guest }) => `hostfwd=tcp:127.0.0.1:${host}-:${guest}`),
		...hostServices.map(
			({ address, port }) =>
				`guestfwd=tcp:${address}:${port}-cmd:${relayTo(port)}`,
		),
	];
	const user = isOnline ? "user,id=net" : "user,id=net,restrict=on";
	return [
		...option("netdev", [user, ...forwards].join(",")),
		...option("device", `${network},netdev=net`),
		...(tap
			? [
					...option(
						"netdev",
						`tap,id=tap,ifname=${tap},script=no,downscript=no`,
					),
					...option("device", `${network},netdev=tap`),
				]
			: []),
	];
}

/** Host port 0 is any that is free. */
export function forwardOf(port: PortForward): { guest: number; host: number } {
	return typeof port === "number" ? { guest: port, host: 0 } : port;
}

/** A command for QEMU: words in quotation marks as in a shell, and each comma doubled. */
function relayTo(port: number): string {
	const program = fileURLToPath(new URL("relay.mjs", import.meta.url));
	return `'${process.execPath}' '${program}' ${port}`.replaceAll(",", ",,");
}

function option(name: string, value: string | undefined): string[] {
	return value === undefined ? [] : [`-${name}`, value];
}
