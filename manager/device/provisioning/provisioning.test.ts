import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { Card } from "./network-config.ts";
import { Provision } from "./provision.ts";
import { readers } from "./sources.ts";

const eth0 = { name: "eth0", mac: "bc:24:11:2e:90:55" };
const eth1 = { name: "eth1", mac: "bc:24:11:2e:90:56" };
const key =
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmH8V9aGJ3e8u2X0u0TtPpFcJmQ7yq5E0Ls2w8bS9pT";
const hash = `$5$2Y8dKVYp$${"a".repeat(43)}`;

/** Returns the lines of a source; tabs are shown as blanks. */
async function read(
	kind: string,
	files: Record<string, string | Buffer>,
	cards: readonly Card[] = [eth0],
): Promise<string[]> {
	const directory = await mkdtemp(join(tmpdir(), "provisioning-"));
	for (const [name, content] of Object.entries(files))
		await writeFile(join(directory, name), content);
	const provision = new Provision("test");
	await readers[kind]?.(directory, cards, provision);
	await rm(directory, { recursive: true });
	return provision.lines.map((line) => line.replaceAll("\t", " "));
}

const network = (text: string, cards?: readonly Card[]) =>
	read("nocloud", { "network-config": text }, cards);
const user = (text: string) =>
	read("nocloud", { "user-data": `#cloud-config\n${text}` });
const file = (text: string) => read("file", { "provision.txt": text });

// As Proxmox writes it, for: qm set ID --ciuser admin --cipassword … --sshkeys … --nameserver --searchdomain
const proxmoxUser = `#cloud-config
hostname: pbx
manage_etc_hosts: true
fqdn: pbx.example.com
user: admin
password: ${hash}
ssh_authorized_keys:
  - ${key} me@example.com
  - ${key}
chpasswd:
  expire: False
users:
  - default
package_upgrade: true
`;
const proxmoxStatic = `version: 1
config:
    - type: physical
      name: eth0
      mac_address: 'bc:24:11:2e:90:55'
      subnets:
      - type: static
        address: '192.0.2.10'
        netmask: '255.255.255.0'
        gateway: '192.0.2.1'
      - type: static6
        address: '2001:db8::10/64'
        gateway: '2001:db8::1'
    - type: nameserver
      address:
      - '192.0.2.53'
      - '2001:db8::53'
      search:
      - 'example.com'
`;

test("Proxmox: fixed addresses, name, password and keys", async (t) => {
	const files = {
		"user-data": proxmoxUser,
		"meta-data": "instance-id: 2f6b9a8f61f0e7f4f7b9\n",
		"network-config": proxmoxStatic,
		"vendor-data": "",
	};
	t.deepEqual(await read("nocloud", files), [
		"id 2f6b9a8f61f0e7f4f7b9",
		"setip --addr=192.0.2.10 --mask=255.255.255.0",
		"setip --addr=192.0.2.10 --mask=255.255.255.0 --gateway=192.0.2.1",
		"setip --addr6=2001:db8::10/64",
		"setip --addr6=2001:db8::10/64 --gateway6=2001:db8::1",
		"setip --dns1=192.0.2.53",
		"setip --dns1=192.0.2.53 --dns2=2001:db8::53",
		"search example.com",
		`key ${key} me@example.com`,
		`key ${key}`,
		"setip --hostname=pbx.example.com",
		`hash ${hash}`,
	]);
});

test("Proxmox: two cards, DHCP and SLAAC, in another order", async (t) => {
	const text = `version: 1
config:
    - type: physical
      name: eth0
      mac_address: '${eth1.mac}'
      subnets:
      - type: dhcp4
      - type: ipv6_slaac
    - type: physical
      name: eth1
      mac_address: '${eth0.mac}'
      subnets:
      - type: dhcp6
    - type: physical
      name: eth2
      mac_address: 'bc:24:11:00:00:01'
      subnets:
      - type: dhcp4
`;
	t.deepEqual(await network(text, [eth0, eth1]), [
		'complaint test: network-config: there is no network card "bc:24:11:00:00:01"; there are: eth0 (bc:24:11:2e:90:55), eth1 (bc:24:11:2e:90:56)',
		"setip --interface=eth1 --dhcp",
		"setip --interface=eth1 --addr6=auto",
		"setip --addr6=auto",
	]);
});

test("Proxmox: a ConfigDrive", async (t) => {
	const files = {
		user_data: proxmoxUser,
		"meta_data.json":
			'{\n     "uuid": "1c2d",\n     "network_config": { "content_path": "/content/0000" }\n}\n',
		"0000": `auto lo
iface lo inet loopback

        dns_nameservers 192.0.2.53 192.0.2.54
        dns_search example.com
auto eth0
iface eth0 inet static
        address 192.0.2.10
        netmask 255.255.255.0
        gateway 192.0.2.1
iface eth0 inet6 static
        address 2001:db8::10
        netmask 64
        gateway fe80::1
auto eth1
iface eth1 inet dhcp
`,
	};
	t.deepEqual((await read("configdrive", files, [eth0, eth1])).slice(0, 11), [
		"id 1c2d",
		"setip --addr=192.0.2.10 --mask=255.255.255.0",
		"setip --addr=192.0.2.10 --mask=255.255.255.0 --gateway=192.0.2.1",
		"setip --addr6=2001:db8::10/64",
		"setip --addr6=2001:db8::10/64 --gateway6=fe80::1",
		"setip --dns1=192.0.2.53",
		"setip --dns1=192.0.2.53 --dns2=192.0.2.54",
		"setip --interface=eth1 --dhcp",
		"setip --interface=eth1 --addr6=auto",
		"search example.com",
		`key ${key} me@example.com`,
	]);
});

test("cloud-localds: version 2 with gateway4, routes and a VLAN", async (t) => {
	const text = `network:
  version: 2
  renderer: networkd
  ethernets:
    lan:
      match: {macaddress: "BC:24:11:2E:90:55"}
      set-name: lan0
      dhcp4: no
      addresses: [192.0.2.10/24, "2001:db8::10/64": {lifetime: 0}]
      gateway4: 192.0.2.1
      nameservers: {addresses: [192.0.2.53], search: [example.com, example.org]}
    eth1:
      addresses: [10.1.0.2/16]
      routes:
      - to: default
        via: 10.1.0.1
      - to: 10.2.0.0/16
        via: 10.1.0.9
  vlans:
    voice: {id: 5, link: lan, dhcp4: yes, dhcp6: true}
`;
	t.deepEqual(await network(text, [eth0, eth1]), [
		'complaint test: network-config: the route to "10.2.0.0/16" is not used: only the default route can be set',
		"setip --addr=192.0.2.10/24",
		"setip --addr=192.0.2.10/24 --gateway=192.0.2.1",
		"setip --addr6=2001:db8::10/64",
		"setip --dns1=192.0.2.53",
		"setip --interface=eth1 --addr=10.1.0.2/16",
		"setip --interface=eth1 --addr=10.1.0.2/16 --gateway=10.1.0.1",
		"setip --interface=eth1 --addr6=auto",
		"setip --vlan=5 --dhcp",
		"setip --vlan=5 --addr6=auto",
		"search example.com example.org",
	]);
});

test("the only card may have any name; of two, it must be known", async (t) => {
	const text = "version: 2\nethernets: {enp1s0: {dhcp4: true}}\n";
	t.true((await network(text)).includes("setip --dhcp"));
	t.regex(
		(await network(text, [eth0, eth1])).join("\n"),
		/there is no network card "enp1s0"; there are: eth0 \(bc:.*\), eth1/,
	);
});

test("virt-install: the password of root in chpasswd, keys in users", async (t) => {
	const lines = await user(`chpasswd:
  list: |
    root:correct: horse
  expire: False
users:
  - default
  - name: root
    ssh_authorized_keys:
      - ${key}
`);
	t.deepEqual(lines, [`key ${key}`, "password correct: horse"]);
});

test("the words of cloud-config that this platform has", async (t) => {
	const lines = await user(`preserve_hostname: true
hostname: ignored
timezone: Europe/Berlin
ntp: {enabled: true, servers: [192.0.2.123], pools: [pool.example.com]}
password: 0123456789
ssh_pwauth: true
`);
	t.deepEqual(lines, [
		"timezone Europe/Berlin",
		"setip --ntp=192.0.2.123,pool.example.com",
		"password 0123456789",
	]);
});

test("what has no effect is named, but not what makes no difference", async (t) => {
	const lines = await user(`package_upgrade: true
runcmd: [[reboot]]
users: [default, {name: bob, passwd: secret-of-bob}]
user: ubuntu
ssh_pwauth: false
chpasswd: {list: ["root:RANDOM"]}
`);
	t.deepEqual(lines, [
		'complaint test: user-data: "runcmd" has no effect on this platform',
		"complaint test: user-data: SSH continues to accept passwords (ssh_pwauth)",
		'complaint test: user-data: the user "ubuntu" is not created; its password and SSH keys are those of root and admin',
		'complaint test: user-data: the user "bob" is not created: there are root and admin',
		'complaint test: user-data: "root" gets no password: random ones are not supported',
	]);
});

test("a host name in meta-data, unless user-data has one", async (t) => {
	const metaData = "instance-id: i-1\nlocal-hostname: from-meta\n";
	const names = (userData: string) =>
		read("nocloud", { "meta-data": metaData, "user-data": userData });
	t.deepEqual(await names(""), ["id i-1", "setip --hostname=from-meta"]);
	t.deepEqual(await names("#cloud-config\nhostname: own\n"), [
		"id i-1",
		"setip --hostname=own",
	]);
});

test("a file: the words of setip, several cards", async (t) => {
	const text = `\uFEFF# my gateway\r
--addr=192.0.2.10/24\r
gateway = 192.0.2.1\r
dns1=192.0.2.53\r
dns2=192.0.2.54\r
addr6=2001:db8::10/64\r
hostname=gateway-1.example.com\r
ntp=ntp.example.com, 192.0.2.123\r
password= two words \r
ssh-key=${key} me\r
interface=eth1\r
vlan=5\r
dhcp\r
gateway=none\r
adr=1\r
`;
	t.deepEqual(await file(text), [
		"setip --hostname=gateway-1.example.com",
		"password  two words ",
		`key ${key} me`,
		'complaint test: "adr" is not known',
		"setip --addr=192.0.2.10/24",
		"setip --addr=192.0.2.10/24 --gateway=192.0.2.1",
		"setip --addr6=2001:db8::10/64",
		"setip --dns1=192.0.2.53",
		"setip --dns1=192.0.2.53 --dns2=192.0.2.54",
		"setip --interface=eth1 --vlan=5 --dhcp --gateway=none",
		"setip --ntp=ntp.example.com,192.0.2.123",
	]);
});

// As vCenter writes it to guestinfo.ovfEnv.
const ovf = (properties: string, adapter = "00:50:56:87:22:10") =>
	`<?xml version="1.0" encoding="UTF-8"?>
<Environment
     xmlns="http://schemas.dmtf.org/ovf/environment/1"
     xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"
     xmlns:ve="http://www.vmware.com/schema/ovfenv"
     oe:id=""
     ve:vCenterId="vm-1042">
   <PlatformSection>
      <Kind>VMware ESXi</Kind>
      <Version>8.0.3</Version>
      <Vendor>VMware, Inc.</Vendor>
      <Locale>en</Locale>
   </PlatformSection>
   <PropertySection>
${properties}
   </PropertySection>
   <ve:EthernetAdapterSection>
      <ve:Adapter ve:mac="${adapter}" ve:network="VM Network" ve:unitNumber="7"/>
   </ve:EthernetAdapterSection>
   <Entity oe:id="other"><PropertySection><Property oe:key="hostname" oe:value="other"/></PropertySection></Entity>
</Environment>`;
const property = (name: string, value: string) =>
	`<Property oe:key="${name}" oe:value="${value}"/>`;

test("VMware: properties with escaped characters, empty ones", async (t) => {
	const properties = [
		property("addr", "192.0.2.10/24"),
		property("mask", ""),
		property("gateway", "192.0.2.1"),
		property("dns1", "192.0.2.53"),
		property("dns2", ""),
		property("hostname", "pbx"),
		property("password", "a&amp;b&lt;&quot;c&apos; &#228;"),
		property("ssh-key", key),
	].join("\n");
	const [id, ...lines] = await read("ovf", { "ovf-env.xml": ovf(properties) });
	t.regex(id ?? "", /^id [0-9a-f]{64}$/);
	t.deepEqual(lines, [
		"setip --hostname=pbx",
		"password a&b<\"c' ä",
		`key ${key}`,
		"setip --addr=192.0.2.10/24",
		"setip --addr=192.0.2.10/24 --gateway=192.0.2.1",
		"setip --dns1=192.0.2.53",
	]);
});

test("VMware: only the properties make another machine", async (t) => {
	const idOf = async (text: string) =>
		(await read("ovf", { "ovf-env.xml": text }))[0];
	const one = property("hostname", "one");
	const id = await idOf(ovf(one));
	t.is(await idOf(ovf(one, "00:50:56:00:00:01")), id);
	t.not(await idOf(ovf(property("hostname", "two"))), id);
});

test("VMware: other prefixes", async (t) => {
	const text =
		'<e:Environment xmlns:e="http://schemas.dmtf.org/ovf/environment/1"><e:PropertySection><e:Property e:key="hostname" e:value="pbx"/></e:PropertySection></e:Environment>';
	t.is((await read("ovf", { "ovf-env.xml": text }))[1], "setip --hostname=pbx");
});

const entities = `<!DOCTYPE x [<!ENTITY a "${"b".repeat(1000)}">]>`;
for (const [name, text] of Object.entries({
	"a DTD": entities + ovf(property("hostname", "&a;")).replace(/<\?.*\?>/, ""),
	"half of it": ovf(property("password", "secret")).slice(0, 800),
	nothing: "",
	"no XML": "password=secret",
}))
	test(`VMware: ${name} is refused without showing it`, async (t) => {
		t.deepEqual(await read("ovf", { "ovf-env.xml": text }), [
			"complaint test: this is not an OVF environment",
		]);
	});

test("wrong YAML is named by its line, without its text", async (t) => {
	const lines = await user("hostname: pbx\npassword: *secret\nx: [\n");
	t.is(lines.length, 1);
	t.regex(lines[0] ?? "", /user-data is not used: line \d+ is not valid YAML/);
	t.notRegex(lines[0] ?? "", /secret/);
	const unresolved = await user("password: *secret\n");
	t.regex(unresolved[0] ?? "", /user-data is not used/);
	t.notRegex(unresolved.join(), /secret/);
});

test("one wrong file does not prevent the others", async (t) => {
	const lines = await read("nocloud", {
		"user-data": "#!/bin/sh\nreboot\n",
		"meta-data": "{{{",
		"network-config": "version: 2\nethernets: {eth0: {dhcp4: true}}\n",
	});
	t.deepEqual(lines, [
		"complaint test: meta-data is not used: line 1 is not valid YAML (BAD_INDENT)",
		"setip --dhcp",
		"setip --addr6=auto",
		"complaint test: user-data is not used: its first line is not #cloud-config",
	]);
});

test("a text cannot become a further line, or another option", async (t) => {
	const lines = await user(
		`hostname: "a\\nhash\\tx"\ntimezone: "\\e[2Jx"\npassword: "a\\nkey\\tx"\nssh_authorized_keys: ["${key} a\\nb", "-o x"]\n`,
	);
	t.deepEqual(lines, [
		'complaint test: "?[2Jx" cannot be used',
		`key ${key} a`,
		'complaint test: "b" is not a public SSH key',
		'complaint test: "-o x" is not a public SSH key',
		'complaint test: "--hostname=a?hash?x" cannot be used',
		"complaint test: the password is too long or has control characters",
	]);
	t.deepEqual(await file("addr=1 --dhcp\n"), ["setip --addr=1 --dhcp"]);
});

test("keys that are no keys are named", async (t) => {
	for (const wrong of [
		"ssh-ed25519 AAAA",
		`command="sh" ${key}`,
		key.replace("ssh-ed25519", "ssh-rsa"),
		key.slice(0, 40),
		"ssh-dss AAAAB3NzaC1kc3M",
	])
		t.regex((await file(`ssh-key=${wrong}`))[0] ?? "", /not a public SSH key$/);
});

test("nested aliases do not take all memory", async (t) => {
	const lines = ["a0: &a0 [x, x]"];
	for (let i = 1; i < 30; i++)
		lines.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
	t.deepEqual(await user(lines.join("\n")), [
		"complaint test: user-data is not used: an alias in it cannot be resolved",
	]);
});

test("values of other types than expected are ignored", async (t) => {
	await t.notThrowsAsync(
		network("version: 1\nconfig: [1, [2], {type: [x]}, {type: physical}]"),
	);
	await t.notThrowsAsync(network("version: 2\nethernets: [x]\nvlans: y"));
	await t.notThrowsAsync(
		network("version: 2\nethernets: {eth0: {addresses: {a: b}, routes: x}}"),
	);
	await t.notThrowsAsync(
		user("users: {a: b}\nchpasswd: [x]\nntp: [y]\nhostname: [z]\nuser: []"),
	);
	await t.notThrowsAsync(network("- a\n- b"));
});

test("binary files are named", async (t) => {
	const utf16 = Buffer.from("\uFEFFaddr=192.0.2.10/24\n", "utf16le");
	t.deepEqual(await read("file", { "provision.txt": utf16 }), [
		"complaint test: provision.txt is not used: it is not a text in UTF-8",
	]);
});
