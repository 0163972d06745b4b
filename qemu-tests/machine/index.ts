export type { HostService } from "./arguments.ts";
export { bootFile } from "./boot-files.ts";
export { builtImage, builtUpdate, logDirectory } from "./build-output.ts";
export { cacheDirectory, contentHash, withLock } from "./cache.ts";
export { temporaryDirectory } from "./cleanup.ts";
export type { CommandResult, Console } from "./console.ts";
export { Lan } from "./container/lan.ts";
export type {
	AgentChannel,
	DiskControllerName,
	NetworkCard,
} from "./devices.ts";
export { diskControllers, networkCards } from "./devices.ts";
export {
	cdrom,
	copyOf,
	type Disk,
	type DiskFile,
	type DiskFormat,
	emptyDisk,
	existingDisk,
	overlayOn,
	rawCopyOf,
	readOnly,
	recorded,
	withBadSectors,
	withSectorsOf,
} from "./disks.ts";
export { type Firmware, firmwares } from "./firmware.ts";
export { Machine, type MachineOptions } from "./machine.ts";
export type { Ssh } from "./ssh.ts";
export { type TargetName, targets } from "./targets.ts";
export { eventually, timeFactor, timeLimit, within } from "./time.ts";
export { machineForTest, machineForTests } from "./with-ava.ts";
