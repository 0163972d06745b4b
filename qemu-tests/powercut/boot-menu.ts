import { bootMenus } from "../../partitioning/boot-menu.ts";
import { type BootLoader, SECTOR_BYTES } from "../../partitioning/layout.ts";

/** Parses the state in a boot loader's menu; `differs` compares everything except the state. */
export function menuState(text: string, bootLoader: BootLoader) {
	const { beforeDefault, rescue, system } = bootMenus[bootLoader];
	const sector = text.slice(0, SECTOR_BYTES);
	const name = [rescue, system].find((name) =>
		sector.startsWith(`${beforeDefault}${name}\n`),
	);
	const slot = /[ \n](?:set )?slot=([ab])$/m.exec(sector)?.[1];
	const update = /^# update: (?:none|(install|try|undo) ([ab]) \d+)$/m.exec(
		sector,
	);
	const [, step, updateSlot] = update ?? [];
	return {
		entry: name === system ? ("system" as const) : ("rescue" as const),
		slot: slot ?? "",
		/** The slot of the system on trial. */
		trialSlot: step === "try" ? updateSlot : undefined,
		/** The slot that an update installs on sda3. */
		installSlot: step === "install" ? updateSlot : undefined,
		/** Files that the menu names by path; GRUB's menu names them by slot. */
		paths: [...sector.matchAll(/^(?:linux|initrd) (\S+)$/gm)].map(
			([, path]) => path as string,
		),
		differs(before: string): string | undefined {
			if (!name || !slot || !update)
				return `has an invalid start: ${text.slice(0, 60)}`;
			if (withoutState(text) !== withoutState(before))
				return "differs in more than its state";
			return undefined;
		},
	};
}

/** Returns the slot that boots: like GRUB's menu, falls back when its slot has no kernel. */
export function bootedSlot(
	slot: string,
	slots: ReadonlyMap<string, unknown>,
	bootLoader: BootLoader,
): string {
	if (bootLoader === "u-boot" || slots.has(slot)) return slot;
	return slots.has("b") ? "b" : "a";
}

/** Returns the part that an update never changes, without the padding of the sector. */
function withoutState(text: string): string {
	const sector = text
		.slice(0, SECTOR_BYTES)
		.replace(/^.*\n/, "")
		.replaceAll(/slot=[ab]$/gm, "slot=")
		.replace(/^# update: .*$/m, "# update:")
		.replaceAll(/^(linux|initrd|fdtdir) .*\//gm, "$1 /")
		.replaceAll(/^#+$\n?/gm, "");
	return sector + text.slice(SECTOR_BYTES);
}
