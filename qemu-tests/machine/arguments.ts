import { fileURLToPath } from "node:url";
import {
	type AgentChannel,
	agentDevices,
	type DiskControllerName,
	diskControllers,
	type NetworkCard,
} from "./devices.ts";
import type { DiskFile } from "./disks.ts";
import { type Firmware, firmwareArguments, uefi } from "./firmware.ts";
import { type Target, type TargetName, targets } from "./targets.ts";

/** A kernel that is started without firmware and boot loader, as a gateway's settings do. */
export type DirectBoot = { kernel: string; initrd?: string; append?: string };

/** The part of a machine that QEMU's command line describes. */
export type Hardware = {
	target: TargetName;
	/** UEFI only for x86_64. */
	firmware: Firmware;
	diskController: DiskControllerName;
	network: NetworkCard | "none";
	guestAgent: AgentChannel;
	memoryMB: number;
	cpus: number;
	/** Whether as much memory again can be added while it runs. */
	canGrow: boolean;
	/** What the firmware names as the system's UUID. */
	uuid?: string | undefined;
	/** Guest ports that are forwarded from this host. */
	ports: readonly PortForward[];
	/** The only services of this host that the guest can reach. */
	hostServices: readonly HostService[];
	/** Whether the guest has this host's network access. */
	isOnline: boolean;
	/** A TAP device of this host to which a second network card is connected. */
	tap?: string | undefined;
};

/** A guest port and the port of 127.0.0.1 that is forwarded to it; any free one if not given. */
export type PortForward = number | { guest: number; host: number };

/** A port of 127.0.0.1 that the guest reaches at an address in its network, 10.0.2.0/24. */
export type HostService = { address: string; port: number };

export type Wiring = {
	name: string;
	acceleration: "kvm" | "tcg";
	disks: readonly DiskFile[];
	sockets: { qmp: string; console: string; agent: string };
	serialLog: string;
	/** The file in which UEFI firmware keeps its variables. */
	firmwareVariables?: string | undefined;
	/** The snapshot on the disks to start from. */
	snapshot?: string | undefined;
	/** If not given, the firmware boots from a disk. */
	directBoot?: DirectBoot | undefined;
};

function memory({ memoryMB, canGrow }: Hardware): string {
	return canGrow
		? `${memoryMB},slots=1,maxmem=${2 * memoryMB}M`
		: `${memoryMB}`;
}

function machineType({ target, firmware }: Hardware): string {
	const ofFirmware =
		firmware === "bios" ? undefined : uefi[firmware].machineType;
	return ofFirmware ?? targets[target].machineType;
}

/** Returns the command line for QEMU, without the emulator's name. */
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
		...option("machine", machineType(hardware)),
		...option("accel", accelerator(wiring.acceleration)),
		...option("cpu", wiring.acceleration === "kvm" ? "host" : target.cpu),
		...option("smp", String(hardware.cpus)),
		...option("m", memory(hardware)),
		...option("uuid", hardware.uuid),
		// U-Boot would start the kernel that QEMU is given.
		...option("bios", wiring.directBoot ? undefined : target.firmware),
		...firmwareArguments(hardware.firmware, wiring.firmwareVariables),
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
	// QEMU gives boot index 0 to a kernel that it starts itself.
	const bootIndex = (index: number) =>
		directBoot ? "" : `,bootindex=${index}`;
	const drives = disks.flatMap((disk, index) => [
		...driveFor(disk, index),
		...option(
			"device",
			(disk.isCdrom
				? `ide-cd,drive=drive${index}`
				: controller.disk(`drive${index}`, index)) +
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

// QEMU merges requests up to the number of parts that a system call takes. blklogwrites adds two parts, which would
// give the guest an I/O error.
const noMerging = ",request-merging=off";

function driveFor(disk: DiskFile, index: number): string[] {
	if (disk.writeLog) return recordedDrive(disk, index);
	if (disk.badSectors) return faultyDrive(disk, index);
	return drive(disk, index);
}

// cache=unsafe: a guest's flush need not reach this host's disk, since a power cut in a test kills only QEMU. Earlier
// writes are in the host's memory and persist.
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

function faultyDrive(
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

// The same, but flushes must reach the node that records them.
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

// restrict=on: the guest gets an address but reaches nothing, not even this host, except for the forwarded services.
// Port 0 lets the operating system choose; QEMU reports the port afterwards.
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

/** Host port 0 means any free port. */
export function forwardOf(port: PortForward): { guest: number; host: number } {
	return typeof port === "number" ? { guest: port, host: 0 } : port;
}

/** Returns a command for QEMU: arguments quoted as in a shell, commas doubled. */
function relayTo(port: number): string {
	const program = fileURLToPath(new URL("relay.mjs", import.meta.url));
	return `'${process.execPath}' '${program}' ${port}`.replaceAll(",", ",,");
}

function option(name: string, value: string | undefined): string[] {
	return value === undefined ? [] : [`-${name}`, value];
}
