/** A disk controller: its own device, if any, and the device of an attached disk. */
type DiskController = {
	device?: string;
	disk(drive: string, index: number): string;
};

const onScsiBus = (drive: string, index: number) =>
	`scsi-hd,bus=disks.0,scsi-id=${index},drive=${drive}`;

export const diskControllers = {
	ahci: {
		device: "ich9-ahci,id=disks",
		disk: (drive, index) => `ide-hd,bus=disks.${index},drive=${drive}`,
	},
	ide: {
		disk: (drive, index) =>
			`ide-hd,bus=ide.${index >> 1},unit=${index & 1},drive=${drive}`,
	},
	nvme: {
		disk: (drive, index) => `nvme,serial=disk${index},drive=${drive}`,
	},
	"virtio-blk": { disk: (drive) => `virtio-blk-pci,drive=${drive}` },
	"virtio-scsi": { device: "virtio-scsi-pci,id=disks", disk: onScsiBus },
	pvscsi: { device: "pvscsi,id=disks", disk: onScsiBus },
	lsi53c895a: { device: "lsi53c895a,id=disks", disk: onScsiBus },
	mptsas1068: { device: "mptsas1068,id=disks", disk: onScsiBus },
} as const satisfies Record<string, DiskController>;

export type DiskControllerName = keyof typeof diskControllers;

export const networkCards = [
	"virtio-net-pci",
	"vmxnet3",
	"e1000",
	"e1000e",
] as const;

export type NetworkCard = (typeof networkCards)[number];

/**
 * The channel of QEMU's guest agent: `virtio` is the usual port. With `isa` the agent owns the only ISA serial port, as
 * on Proxmox, and there is no serial console.
 */
export type AgentChannel = "none" | "virtio" | "isa";

export function agentDevices(channel: AgentChannel): string[] {
	switch (channel) {
		case "none":
			return [];
		case "virtio":
			return [
				"virtio-serial-pci",
				"virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
			];
		case "isa":
			return ["isa-serial,chardev=agent"];
	}
}
