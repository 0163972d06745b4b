import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

// The rules for apps' connections in a network of their own, with files of an owner.
const host = new ScriptsOnHost("grub");
const owners = join(host.root, "mnt/sda2/system");
const rules = readFileSync(
	join(import.meta.dirname, "system/etc/nftables/apps.nft"),
	"utf8",
);

test.before(() => {
	host.write(
		"etc/nftables/apps.nft",
		rules.replace("/mnt/sda2/system", owners),
	);
	host.write("bin/logger", `#!/bin/sh\necho "$*" >>${host.root}/log\n`);
});
test.after.always(() => host.remove());

/** @param files of the owner, by the end of their names. @returns what is loaded then, and what is reported. */
function load(files: Record<string, string>) {
	rmSync(owners, { recursive: true, force: true });
	mkdirSync(owners, { recursive: true });
	for (const [name, content] of Object.entries(files))
		host.write(`mnt/sda2/system/apps-${name}.nft`, content);
	const log = join(host.root, "log");
	rmSync(log, { force: true });
	const loaded = execFileSync(
		"unshare",
		[
			...["--map-root-user", "--net", "sh", "-euc"],
			`${host.root}/usr/lib/app-platform/load-app-rules; nft list table inet apps`,
		],
		{
			encoding: "utf8",
			stdio: ["ignore", "pipe", "ignore"],
			env: {
				...process.env,
				PATH: `${host.root}/bin:/usr/sbin:${process.env.PATH}`,
			},
		},
	);
	return {
		loaded,
		log: existsSync(log) ? readFileSync(log, "utf8") : "",
		leftOut: host
			.read("run/app-rules-left-out")
			.replaceAll(owners, "")
			.trimEnd(),
	};
}

const port = (number: number) => `tcp dport ${number} accept\n`;

test.serial("rules of the owner are loaded with those of the system", (t) => {
	const { loaded, log, leftOut } = load({ "1": port(5433), "2": port(5434) });
	t.regex(loaded, /5433 accept\n.*5434 accept\n.*reject/s);
	t.deepEqual([log, leftOut], ["", ""]);
	t.regex(load({}).loaded, /skuid 2000-65533 jump/);
});

test.serial("a wrong file of the owner is named, the others count", (t) => {
	const { loaded, log, leftOut } = load({
		"1": port(5433),
		"2 typo": "tcp port 22\n",
		"3": port(5434),
		"4": "}",
	});
	t.regex(loaded, /5433 accept\n.*5434 accept\n.*reject/s);
	t.regex(
		leftOut,
		/^\/apps-2 typo\.nft is ignored: \S.*\n\/apps-4\.nft is ignored: \S.*$/,
	);
	t.regex(log, /-p daemon\.err \S+\/apps-2 typo\.nft is ignored: /);
	t.is(load({ "1": port(5433) }).leftOut, "");
});

test.serial("a file that contradicts one before is left out", (t) => {
	const { loaded, leftOut } = load({
		"1": `define port = 5433\n${port(5433)}`,
		"2": `define port = 5434\n${port(5434)}`,
	});
	t.regex(loaded, /5433 accept/);
	t.regex(leftOut, /^\/apps-2\.nft is ignored: \S/);
});

test.serial("without the system's rules it fails", (t) => {
	host.write("etc/nftables/apps.nft", "table inet apps {");
	t.throws(() => load({}));
});
