import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
test.after.always(() => host.remove());

const names: readonly (readonly [string, string, number])[] = [
	["gateway-1\n", "gateway-1", 0],
	["gateway-1", "gateway-1", 0],
	["  gateway-1 \r\n", "gateway-1", 0],
	["# ours\n\ngateway-1 # comment\nsecond\n", "gateway-1", 0],
	["Gateway-1\n", "gateway-1", 0],
	["gateway-1.example.com\n", "gateway-1.example.com", 0],
	["gateway-1.example.com.\n", "gateway-1.example.com", 0],
	["4711\n", "4711", 0],
	[`${"x".repeat(63)}\n`, "x".repeat(63), 0],
	[`${"x".repeat(64)}\n`, "app-platform", 1],
	["", "app-platform", 1],
	["\n\n", "app-platform", 1],
	["my_gateway\n", "app-platform", 1],
	["my gateway\n", "app-platform", 1],
	["gäteway\n", "app-platform", 1],
	["-x\n", "app-platform", 1],
	["x-.example.com\n", "app-platform", 1],
	["x..example.com\n", "app-platform", 1],
	["192.0.2.1\n", "app-platform", 1],
	["$(reboot)\n", "app-platform", 1],
	["\0\x01\n", "app-platform", 1],
];

for (const [text, name, exitCode] of names)
	test(`/etc/hostname ${JSON.stringify(text)} names ${name}`, (t) => {
		host.write("etc/hostname", text);
		t.deepEqual(host.run("address machine-name", "full_name <etc/hostname"), {
			exitCode,
			output: name,
		});
	});

const localhost = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n";
const hosts: Record<string, readonly [string, string, string]> = {
	"the factory line gets the new name": [
		`${localhost}127.0.1.1\tapp-platform\n`,
		"box",
		`${localhost}127.0.1.1\tbox\n`,
	],
	"the same name changes nothing": [
		`${localhost}127.0.1.1\tbox intranet # ours\n`,
		"box",
		`${localhost}127.0.1.1\tbox intranet # ours\n`,
	],
	"a name with a domain is also found without it": [
		`${localhost}127.0.1.1\tapp-platform\n`,
		"box.example.com",
		`${localhost}127.0.1.1\tbox.example.com box\n`,
	],
	"the old name is removed, also with its domain, and aliases stay": [
		`${localhost}127.0.1.1 old.example.com old intranet\n`,
		"box",
		`${localhost}127.0.1.1\tbox intranet\n`,
	],
	"other lines do not change": [
		`# ours\n${localhost}192.0.2.9   pbx pbx.example.com\n\n127.0.1.1 old\n192.0.2.10 nas\n`,
		"box",
		`# ours\n${localhost}192.0.2.9   pbx pbx.example.com\n\n127.0.1.1\tbox\n192.0.2.10 nas\n`,
	],
	"an existing line with another address for the name is kept": [
		`${localhost}127.0.1.1\tapp-platform\n192.0.2.9 BOX\n`,
		"box",
		`${localhost}127.0.1.1\tapp-platform\n192.0.2.9 BOX\n`,
	],
	"a missing line is added, also after a line without a newline": [
		`${localhost}192.0.2.10 nas`,
		"box",
		`${localhost}192.0.2.10 nas\n127.0.1.1\tbox\n`,
	],
	"a file from Windows": [
		"127.0.0.1 localhost\r\n127.0.1.1 old\r\n",
		"box",
		"127.0.0.1 localhost\n127.0.1.1\tbox\n",
	],
	"an empty file": ["", "box", `${localhost}127.0.1.1\tbox\n`],
	"a name in a comment is not found": [
		`${localhost}# 127.0.1.1 box\n`,
		"box",
		`${localhost}# 127.0.1.1 box\n127.0.1.1\tbox\n`,
	],
};

for (const [title, [before, name, after]] of Object.entries(hosts))
	test(`/etc/hosts: ${title}`, (t) => {
		host.write("etc/hosts", before);
		t.is(
			host.run("machine-name", `hosts_with ${name} <etc/hosts`).output,
			after.trimEnd(),
		);
	});
