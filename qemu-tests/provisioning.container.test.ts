import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { $ } from "zx";
import { ALIGNMENT_BYTES } from "../partitioning/layout.ts";
import {
	Lan,
	type Machine,
	temporaryDirectory,
	timeLimit,
} from "./machine/index.ts";
import { installedContainer } from "./system/base.ts";
import {
	loginPage,
	logins,
	managerSession,
	outputOf,
	post,
	setLoginsOf,
} from "./system/steps.ts";

// A machine that nobody has logged in to gets its address, name, password and SSH key from a file on sda1, and from VMware.
// The kernel of a container cannot mount the disks of cloud-init: see provisioning.vm.test.ts. Costs some 90 s.
const minute = 60_000;
const password = "correct horse: $(reboot)";
const vmwarePassword = "<from VMware>";
const nextPassword = "another battery";
const lan = new Lan();
const machine = installedContainer({ name: "provisioning", lan });
const directory = temporaryDirectory().path;
const keyFile = join(directory, "key");
test.after.always(async () => {
	await machine.discard();
	lan.stop();
});

const root = (command: string) => outputOf(machine.console, command);
const start = "/etc/init.d/S06provisioning start";

test.before("a file is put on sda1", async (t) => {
	t.timeout(timeLimit(20 * minute));
	const quiet = $({ quiet: true });
	await quiet`ssh-keygen -q -t ed25519 -N "" -C admin -f ${keyFile}`;
	const key = (await quiet`cat ${keyFile}.pub`).stdout.trim();
	const file = join(directory, "provision.txt");
	await writeFile(
		file,
		`# The address that DHCP assigns, too.
addr=10.0.2.15/24
gateway=10.0.2.300
dns1=10.0.2.2
dns2=nonsense
hostname=PBX.example.com
timezone=Europe/Berlin
password=${password}
ssh-key=${key}
adress=10.0.2.15
`,
	);
	const [disk] = await machine.disks();
	const partition = `${disk?.path}?offset=${ALIGNMENT_BYTES}`;
	await quiet`debugfs -w -R ${`write ${file} provision.txt`} ${partition}`;
	await machine.boot();
	await loginPage(machine);
});

test.serial("the password is root's, and the default one is not", async (t) => {
	await machine.console.login("root", password);
	t.regex(await root("whoami"), /root/);
	const ssh = machine.ssh(...logins.admin);
	await t.throwsAsync(ssh, { message: /authentication methods failed/ });
});

test.serial("address, name and time zone are set", async (t) => {
	t.regex(
		await root("cat /mnt/sda2/system/network"),
		/MODE=static\s+ADDRESS=10\.0\.2\.15\s+PREFIX=24\s+GATEWAY=\s/,
	);
	t.regex(
		await root("ip -4 address show eth0"),
		/inet 10\.0\.2\.15\/24 .*scope global eth0\s+valid_lft forever/,
	);
	t.is((await root("hostname -f")).trim(), "pbx.example.com");
	t.regex(await root("cat /etc/resolv.conf"), /nameserver 10\.0\.2\.2/);
	t.regex(await root("cat /mnt/sda2/system/timezone"), /^Europe\/Berlin/);
	t.regex(
		await root("tr '\\0' '\\n' </proc/$(pidof runsvdir)/environ"),
		/^TZ=Europe\/Berlin$/m,
	);
});

test.serial("what is wrong is named, and no password", async (t) => {
	const log = await root("cat /run/boot.log");
	for (const expected of [
		/Setting up this machine from \/mnt\/sda1\/provision\.txt/,
		/provision\.txt: "adress" is not known/,
		/provision\.txt: "10\.0\.2\.300" is not an (IPv4 )?address/,
		/provision\.txt: "nonsense" is not an address of a DNS server/,
	])
		t.regex(log, expected);
	t.regex(await root("cat /run/boot.log"), /"adress" is not known/);
	t.is(
		await root(
			"grep -l 'correct horse' /run/boot.log /var/log/messages || true",
		),
		"",
	);
	t.regex(
		await root("stat -c '%a %U' /mnt/sda2/system/provisioned"),
		/600 root/,
	);
});

test.serial("the file with the password is deleted", async (t) => {
	t.is(await root("ls /mnt/sda1 | grep provision || true"), "");
	t.regex(await root("grep /mnt/sda1 /proc/mounts"), / ext2 ro,/);
});

test.serial("the manager and SSH accept it, and SSH the key", async (t) => {
	t.is(await managerStatus(machine, "pwd"), 401);
	t.is(await managerStatus(machine, password), 200);
	const ssh = await machine.ssh("admin", password);
	t.regex(
		await outputOf(ssh, "stat -c '%a %U' .ssh/authorized_keys"),
		/600 admin/,
	);
	ssh.close();
	const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
	const { stdout } = await $({
		quiet: true,
	})`ssh -i ${keyFile} -p ${machine.port(22)} ${options.flatMap((one) => ["-o", one])} -o BatchMode=yes admin@127.0.0.1 whoami`;
	t.is(stdout.trim(), "admin");
});

test.serial("SSH is open, since no default password works", async (t) => {
	const { exitCode } = await machine.console.run(
		"nft list table inet default_passwords",
	);
	t.not(exitCode, 0);
});

test.serial("a second start changes nothing", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await root("setip --hostname=renamed");
	await root(`printf 'root:${nextPassword}\\n' | chpasswd`);
	await restart();
	await machine.console.login("root", nextPassword);
	t.is((await root("hostname")).trim(), "renamed");
	t.is(await managerStatus(machine, password), 200);
	t.notRegex(await root("cat /run/boot.log"), /Setting up/);
});

test.serial(
	"the same file again is deleted, another one is applied",
	async (t) => {
		t.timeout(timeLimit(5 * minute));
		const put = (text: string) =>
			root(
				`mount -o remount,rw /mnt/sda1 && printf '${text}' >/mnt/sda1/provision.txt && mount -o remount,ro /mnt/sda1`,
			);
		await put("hostname=again\\npassword=iplinux\\n");
		t.regex(await root(`${start} 2>&1`), /not set: it is shorter than 8/);
		t.is((await root("hostname")).trim(), "again");
		await root("setip --hostname=renamed");
		await put("hostname=again\\npassword=iplinux\\n");
		t.is(await root(start), "");
		t.is((await root("hostname")).trim(), "renamed");
		t.is(await root("ls /mnt/sda1 | grep provision || true"), "");
	},
);

test.serial("VMware's properties are applied and deleted", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const environment = `<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"><PropertySection><Property oe:key="hostname" oe:value="from-vmware"/><Property oe:key="password" oe:value="&lt;from VMware&gt;"/></PropertySection></Environment>`;
	// A machine of VMware: its DMI, and a host that keeps the variable.
	await root(`mkdir -p /run/class/dmi/id
cp -a /sys/class/net /sys/class/block /sys/class/tty /run/class/
echo 'VMware, Inc.' >/run/class/dmi/id/sys_vendor
mount --bind /run/class /sys/class
cat >/run/rpctool <<'END'
#!/bin/sh
case $1 in
"info-get guestinfo.ovfEnv") cat /run/ovf-env ;;
"info-set guestinfo.ovfEnv "*) : >/run/ovf-env ;;
*) exit 1 ;;
esac
END
chmod 755 /run/rpctool
mount --bind /run/rpctool /usr/bin/vmware-rpctool
cat >/run/ovf-env.xml <<'END'
${environment}
END
cp /run/ovf-env.xml /run/ovf-env`);
	t.regex(await root(start), /from the OVF environment of VMware/);
	t.is((await root("hostname")).trim(), "from-vmware");
	t.is(await root("cat /run/ovf-env"), "");
	t.is(await managerStatus(machine, vmwarePassword), 200);
	t.is(await managerStatus(machine, password), 401);
	setLoginsOf(machine, {
		root: ["root", vmwarePassword],
		admin: ["admin", vmwarePassword],
		manager: vmwarePassword,
	});
	const call = await managerSession(machine);
	t.like(await call("session"), { defaultPassword: false });
	// It is there again when the machine was switched on.
	await root("setip --hostname=renamed && cp /run/ovf-env.xml /run/ovf-env");
	t.is(await root(start), "");
	t.is((await root("hostname")).trim(), "renamed");
	t.is(await root("cat /run/ovf-env"), "");
});

async function restart(): Promise<void> {
	machine.console.send("reboot\n");
	await machine.waitForReboot();
	await loginPage(machine);
}

async function managerStatus(machine: Machine, password: string) {
	const { status, body } = await post(machine, "login", {
		body: JSON.stringify({ password }),
	});
	await body?.cancel();
	return status;
}
