import { bootMenus } from "../../partitioning/boot-menu.ts";
import { type BootLoader, SECTOR_BYTES } from "../../partitioning/layout.ts";

/** What a boot loader's menu says, and how it differs from another one in more than its state. */
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
		/** Of the system that is on trial. */
		trialSlot: step === "try" ? updateSlot : undefined,
		/** Of the set that an update puts on sda3. */
		installSlot: step === "install" ? updateSlot : undefined,
		/** Files that the menu names by their paths; GRUB's names them by the slot. */
		paths: [...sector.matchAll(/^(?:linux|initrd) (\S+)$/gm)].map(
			([, path]) => path as string,
		),
		differs(before: string): string | undefined {
			if (!name || !slot || !update)
				return `does not begin as it must: ${text.slice(0, 60)}`;
			if (withoutState(text) !== withoutState(before))
				return "has changed beyond its state";
			return undefined;
		},
	};
}

/** As the menu itself does where the set of its slot has no kernel, if it can. */
export function startedSlot(
	slot: string,
	sets: ReadonlyMap<string, unknown>,
	bootLoader: BootLoader,
): string {
	if (bootLoader === "u-boot" || sets.has(slot)) return slot;
	return sets.has("b") ? "b" : "a";
}

/** What an update never changes, without what fills the sector. */
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
