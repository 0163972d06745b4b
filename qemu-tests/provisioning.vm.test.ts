import test from "ava";
import {
	cdrom,
	type Machine,
	machineForTests,
	overlayOn,
	timeLimit,
} from "./machine/index.ts";
import { installedDisk } from "./system/base.ts";
import { loginPage, outputOf, switchOff } from "./system/steps.ts";

// A machine with the disk of cloud-init that Proxmox makes, and its clone with another one. Costs some 4 minutes: three
// starts without KVM.
const minute = 60_000;
const password = "from cloud-init";
/** Of that password. */
const hash = "$5$2Y8dKVYp$JjdxvDlmi511BMfmdUGCS2jUc83jC6MnpNBh15o9qh/";
const networkConfig = `version: 1
config:
    - type: physical
      name: eth0
      mac_address: '52:54:00:12:34:56'
      subnets:
      - type: static
        address: '10.0.2.15'
        netmask: '255.255.255.0'
        gateway: '10.0.2.2'
    - type: nameserver
      address:
      - '10.0.2.3'
      search:
      - 'example.com'
`;
const userData = (name: string) => `#cloud-config
hostname: ${name}
manage_etc_hosts: true
fqdn: ${name}.example.com
user: admin
password: ${hash}
chpasswd:
  expire: False
users:
  - default
package_upgrade: true
runcmd: [[touch, /run/hacked]]
`;

const first = machineWith(overlayOn(installedDisk), "pbx", "1");
const clone = machineWith(
	overlayOn(async () => {
		const [disk] = await first.disks();
		if (!disk) throw new Error("The machine has no disk");
		return disk;
	}),
	"pbx-2",
	"2",
);

function machineWith(
	disk: ReturnType<typeof overlayOn>,
	name: string,
	id: string,
): Machine {
	const data = cdrom("cidata", {
		"user-data": userData(name),
		"meta-data": `instance-id: ${id}\n`,
		"network-config": networkConfig,
		"vendor-data": "",
	});
	return machineForTests(test, {
		name: `provisioning-${name}`,
		disks: [disk, data],
	});
}

async function start(machine: Machine, rootPassword = password): Promise<void> {
	await machine.boot();
	await loginPage(machine);
	await machine.console.login("root", rootPassword);
}

test.serial("cloud-init's disk sets address, name and password", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await start(first);
	const root = (command: string) => outputOf(first.console, command);
	t.is((await root("hostname -f")).trim(), "pbx.example.com");
	t.regex(
		await root("ip -4 address show eth0"),
		/inet 10\.0\.2\.15\/24 .*scope global eth0\s+valid_lft forever/,
	);
	t.regex(await root("ip route"), /default via 10\.0\.2\.2/);
	t.regex(
		await root("cat /etc/resolv.conf"),
		/search example\.com\s+nameserver 10\.0\.2\.3/,
	);
	const ssh = await first.ssh("admin", password);
	ssh.close();
	t.regex(
		await root("grep cloud-init /var/log/messages"),
		/Setting up this machine from the disk of cloud-init \/dev\/sr0/,
	);
	t.regex(
		await root("cat /run/boot.log"),
		/user-data: "runcmd" has no effect on this platform/,
	);
	t.regex(await root("ls /run/hacked 2>&1 || true"), /No such file/);
	t.is(await root("grep sr0 /proc/mounts || true"), "");
});

test.serial("a second start changes nothing", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await outputOf(first.console, "setip --hostname=renamed");
	await outputOf(first.console, "echo root:other-password | chpasswd");
	await switchOff(first);
	await start(first, "other-password");
	const name = await outputOf(first.console, "hostname");
	t.is(name.trim(), "renamed");
	t.notRegex(await outputOf(first.console, "cat /run/boot.log"), /Setting up/);
	await switchOff(first);
});

test.serial("a clone with a disk of its own is set up", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await start(clone);
	const name = await outputOf(clone.console, "hostname -f");
	t.is(name.trim(), "pbx-2.example.com");
});
