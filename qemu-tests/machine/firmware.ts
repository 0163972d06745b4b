import { copyFile } from "node:fs/promises";

/** BIOS is QEMU's own SeaBIOS; UEFI is OVMF, from Debian's package `ovmf`. */
export const firmwares = ["bios", "uefi", "uefi-secure-boot"] as const;
export type Firmware = (typeof firmwares)[number];

interface Uefi {
	code: string;
	/** The variables of a new machine. */
	variables: string;
	/** Replaces the target's machine type: only this one can protect the variables of Secure Boot. */
	machineType?: string;
	/** More of QEMU's arguments. */
	arguments: readonly string[];
}

const directory = "/usr/share/OVMF";

export const uefi: Record<Exclude<Firmware, "bios">, Uefi> = {
	uefi: {
		code: `${directory}/OVMF_CODE_4M.fd`,
		variables: `${directory}/OVMF_VARS_4M.fd`,
		arguments: [],
	},
	"uefi-secure-boot": {
		code: `${directory}/OVMF_CODE_4M.secboot.fd`,
		// With Microsoft's keys.
		variables: `${directory}/OVMF_VARS_4M.ms.fd`,
		machineType: "q35,smm=on",
		arguments: ["-global", "driver=cfi.pflash01,property=secure,value=on"],
	},
};

/** Writes the file in which a new machine's firmware keeps its variables. */
export async function createVariables(
	firmware: Exclude<Firmware, "bios">,
	path: string,
): Promise<void> {
	await copyFile(uefi[firmware].variables, path);
}

/** Returns QEMU's arguments for the firmware in flash memory; none for a BIOS. */
export function firmwareArguments(
	firmware: Firmware,
	variables: string | undefined,
): string[] {
	if (firmware === "bios") return [];
	if (!variables) throw new Error(`${firmware} needs a file for its variables`);
	const flash = (file: string, more = "") => [
		"-drive",
		`if=pflash,format=raw,file=${file}${more}`,
	];
	return [
		...flash(uefi[firmware].code, ",readonly=on"),
		...flash(variables),
		...uefi[firmware].arguments,
	];
}
