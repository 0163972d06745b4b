import { join } from "node:path";
import test from "ava";
import { bootMenu, bootMenus } from "../partitioning/boot-menu.ts";
import type { BootLoader } from "../partitioning/layout.ts";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const templates = { grub: "grub.cfg", "u-boot": "extlinux.conf" } as const;
const names = "service settings disk boot-loader";
const show = 'echo "$(default_entry) $(boot_slot) $(update_state)"';
const states = [
	["rescue", "a", "install b 0"],
	["rescue", "a", "try b 100"],
	["rescue", "a", "undo b 3"],
	["system", "b", "none"],
	["rescue", "b", "install a 2"],
	["system", "a", "none"],
] as const;

for (const [name, template] of Object.entries(templates)) {
	const bootLoader = name as BootLoader;
	const { path } = bootMenus[bootLoader];
	const start = async () => {
		const host = new ScriptsOnHost(bootLoader);
		const board = join(import.meta.dirname, "../board", template);
		const text = await bootMenu(bootLoader, board, "1234abcd");
		host.write(`mnt/sda1/${path}`, text);
		return { host, text };
	};

	test(`${name}: every boot state fits into the first sector, and nothing else changes`, async (t) => {
		const { host, text } = await start();
		t.teardown(() => host.remove());
		t.is(host.run(names, show).output, "rescue a none");
		// As after an update, when no slot of a gateway has its kernel at the top.
		for (const slot of ["a", "b"]) host.write(`mnt/sda1/${slot}/linux`, "");
		for (const [entry, slot, update] of states) {
			const set = `set_boot_state ${entry} ${slot} "${update}"`;
			t.is(
				host.run(names, `${set}; ${show}`).output,
				`${entry} ${slot} ${update}`,
			);
			const now = host.read(`mnt/sda1/${path}`);
			t.is(now.length, text.length);
			t.is(now.slice(512), text.slice(512));
			t.is(now[511], "\n");
			if (bootLoader === "u-boot")
				t.true(now.includes(`\nlinux /${slot}/linux\n`));
		}
		host.run(names, "set_default_entry rescue");
		t.is(host.run(names, show).output, "rescue a none");
	});

	test(`${name}: an edited menu is not changed`, async (t) => {
		const { host, text } = await start();
		t.teardown(() => host.remove());
		for (const edited of [
			text.replace(/^.*\n/, "set default=7\n"),
			text.replace(/^# update: none$/m, "# nothing here"),
			"",
		]) {
			host.write(`mnt/sda1/${path}`, edited);
			const { exitCode } = host.run(names, "set_boot_state system b none");
			t.not(exitCode, 0);
			t.is(host.read(`mnt/sda1/${path}`), edited);
		}
	});
}
