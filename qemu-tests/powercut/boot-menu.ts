import { bootMenus } from "../../partitioning/boot-menu.ts";
import { SECTOR_BYTES } from "../../partitioning/layout.ts";

const { beforeDefault, rescue, system } = bootMenus.grub;
const stateLines = new RegExp(
	`^${beforeDefault}(${rescue}|${system})\nset slot=([ab])\nset disk=([0-9a-f]{8})\n# update: (none|(install|try|undo) ([ab]) (\\d+))\n`,
);

/** What grub.cfg says, and how it differs from another one in more than its state. */
export function menuState(text: string) {
	const found = stateLines.exec(text);
	const [state, entry, slot, disk, , step, updateSlot] = found ?? [];
	return {
		entry: entry === system ? ("system" as const) : ("rescue" as const),
		slot: slot ?? "",
		/** Of the system that is on trial. */
		trialSlot: step === "try" ? updateSlot : undefined,
		/** Of the set that an update puts on sda3. */
		installSlot: step === "install" ? updateSlot : undefined,
		differs(before: string): string | undefined {
			if (!state) return `does not begin as it must: ${text.slice(0, 60)}`;
			if (disk !== stateLines.exec(before)?.[3])
				return "names another disk than before";
			if (unpadded(text) !== unpadded(before))
				return "has changed beyond its state";
			return undefined;
		},
	};
}

/** As the menu itself does where the set of its slot has no kernel. */
export function startedSlot(
	slot: string,
	sets: ReadonlyMap<string, unknown>,
): string {
	if (sets.has(slot)) return slot;
	return sets.has("b") ? "b" : "a";
}

/** What stands behind the state, without what fills its sector. */
function unpadded(text: string): string {
	const state = stateLines.exec(text)?.[0] ?? "";
	const comment = text
		.slice(state.length, SECTOR_BYTES)
		.replaceAll(/^#+$\n?/gm, "");
	return comment + text.slice(SECTOR_BYTES);
}
