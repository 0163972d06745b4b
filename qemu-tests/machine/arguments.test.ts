import test from "ava";
import { type Hardware, qemuArguments } from "./arguments.ts";
import { diskControllers } from "./devices.ts";
import { hostPorts } from "./emulator.ts";
import { targets } from "./targets.ts";

const hardware: Hardware = {
	target: "x86_64",
	firmware: "bios",
	diskController: "ahci",
	network: "e1000",
	guestAgent: "none",
	memoryMB: 256,
	cpus: 1,
	canGrow: false,
	ports: [22],
	hostServices: [],
	isOnline: false,
};
const wiring = {
	name: "example",
	acceleration: "tcg",
	disks: [{ path: "/disk", format: "qcow2" }],
	sockets: { qmp: "/q", console: "/c", agent: "/a" },
	serialLog: "/log",
} as const;

test("a guest has no network access and is reachable only from loopback", (t) => {
	const line = qemuArguments(hardware, wiring).join(" ");
	t.regex(line, /user,id=net,restrict=on,hostfwd=tcp:127\.0\.0\.1:0-:22 /);
	t.is(line.match(/-netdev/g)?.length, 1);
});

test("an online machine has network access and fixed host ports", (t) => {
	const ports = [{ guest: 443, host: 8443 }];
	const line = qemuArguments({ ...hardware, ports, isOnline: true }, wiring);
	t.true(line.includes("user,id=net,hostfwd=tcp:127.0.0.1:8443-:443"));
});

test("a guest reaches the host services that are named", (t) => {
	const hostServices = [{ address: "10.0.2.100", port: 14000 }];
	const line = qemuArguments({ ...hardware, hostServices }, wiring).join(" ");
	t.regex(
		line,
		/user,id=net,restrict=on,.*,guestfwd=tcp:10\.0\.2\.100:14000-cmd:'[^',]+' '[^',]+\/relay\.mjs' 14000 /,
	);
});

for (const name of Object.keys(diskControllers) as Hardware["diskController"][])
	test(`${name} boots from the first disk`, (t) => {
		const line = qemuArguments({ ...hardware, diskController: name }, wiring);
		const disk = line.find((argument) => argument.includes("drive=drive0"));
		t.regex(disk ?? "", /,bootindex=0$/);
	});

test("a recorded disk logs its writes, and flushes reach the log", (t) => {
	const disk = { path: "/disk", format: "raw", writeLog: "/writes" } as const;
	const line = qemuArguments(hardware, { ...wiring, disks: [disk] });
	const node = JSON.parse(line[line.indexOf("-blockdev") + 1] ?? "");
	t.like(node, {
		"node-name": "drive0",
		driver: "blklogwrites",
		log: { filename: "/writes" },
	});
	t.is(node.cache, undefined);
	t.false(line.includes("-drive"));
});

test("there is no serial console when the guest agent owns the serial port", (t) => {
	const line = qemuArguments({ ...hardware, guestAgent: "isa" }, wiring);
	t.true(line.includes("isa-serial,chardev=agent"));
	t.false(line.includes("-serial"));
});

test("a directly booted kernel has no boot order", (t) => {
	const directBoot = { kernel: "/linux", append: "console=ttyS0" };
	const line = qemuArguments(hardware, { ...wiring, directBoot }).join(" ");
	t.regex(line, /-kernel \/linux -append console=ttyS0/);
	t.notRegex(line, /bootindex/);
});

for (const target of ["arm64", "arm"] as const) {
	const gateway = { ...hardware, ...targets[target].usual, target };

	test(`${target} boots with U-Boot from an AHCI disk`, (t) => {
		const line = qemuArguments(gateway, wiring).join(" ");
		t.regex(line, /-machine virt,acpi=off,/);
		t.regex(line, /-bios \S+\/u-boot\.bin /);
		t.regex(line, /-device ich9-ahci,id=disks .*-device ide-hd,bus=disks\.0,/);
	});

	test(`${target} boots a kernel directly, without U-Boot`, (t) => {
		const directBoot = {
			kernel: "/linux",
			initrd: "/ramdisk",
			append: "root=/dev/ram0",
		};
		const line = qemuArguments(gateway, { ...wiring, directBoot }).join(" ");
		t.regex(
			line,
			/-kernel \/linux -initrd \/ramdisk -append root=\/dev\/ram0 /,
		);
		t.notRegex(line, /-bios/);
	});
}

test("QEMU's table of port forwards is parsed", (t) => {
	const table = `Hub -1 (net):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[HOST_FORWARD]  15       127.0.0.1 37911       10.0.2.15   443     0     0
  TCP[HOST_FORWARD]  12       127.0.0.1 40001       10.0.2.15    22     0     0`;
	t.deepEqual(
		[...hostPorts(table)],
		[
			[443, 37911],
			[22, 40001],
		],
	);
});

test("UEFI firmware is in flash memory, with the machine's own variables", (t) => {
	const own = { ...wiring, firmwareVariables: "/variables" };
	const line = qemuArguments({ ...hardware, firmware: "uefi" }, own).join(" ");
	t.regex(line, /OVMF_CODE\S*,readonly=on .*file=\/variables/);
	t.regex(line, /-machine pc /);
	t.throws(() => qemuArguments({ ...hardware, firmware: "uefi" }, wiring));
	t.notRegex(qemuArguments(hardware, wiring).join(" "), /pflash/);
});
