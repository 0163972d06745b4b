import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { droppedOptions, optionsOf } from "../kconfig.ts";

/** The folder that Buildroot gets as BR2_EXTERNAL. */
export const treeFolder = import.meta.dirname;

export const defconfigPath = (target: string) =>
	join(treeFolder, "configs", `app_platform_${target}_defconfig`);

/** Prefix of the symbols that the tree itself defines. */
const OWN = /^BR2_(PACKAGE_)?(APP_PLATFORM|NODEJS_PREBUILT)/;

/**
 * What a configuration must have in the end: the lines of defconfigs, the later over the earlier,
 * and what Config.in's BR2_APP_PLATFORM selects for this architecture (`BR2_x86_64`, …).
 */
export function wantedOptions(
	defconfigs: string,
	configIn: string,
): Map<string, string> {
	const wanted = optionsOf(defconfigs);
	const own = configIn.split(/^config BR2_APP_PLATFORM$/m)[1] ?? "";
	const [block = ""] = own.split(/^\thelp$/m);
	for (const [, name, condition] of block.matchAll(
		/^\tselect (BR2_\w+)(?: if (BR2_\w+))?/gm,
	))
		if (!condition || wanted.has(condition))
			wanted.set(name as string, `${name}=y`);
	return wanted;
}

/**
 * Kconfig drops an option silently when something it depends on is off, and turns a selected
 * one on against what that depends on: throws naming them all.
 * @param output what `make defconfig` said
 */
export function refuseDroppedSymbols(
	wanted: ReadonlyMap<string, string>,
	config: string,
	output = "",
): void {
	const dropped = droppedOptions(wanted, config);
	const warnings = output.matchAll(
		/unmet direct dependencies detected for (BR2_\w+)/g,
	);
	const unmet = [...warnings].map(
		([, name]) => `${name} (what it depends on is off)`,
	);
	if (dropped.length + unmet.length > 0)
		throw new Error(
			`Buildroot's configuration does not take: ${[...dropped, ...new Set(unmet)].join(", ")}`,
		);
}

/** Buildroot's own symbols that a defconfig, a Config.in or a makefile of the tree names. */
export function namedSymbols(text: string): string[] {
	const code = text.replaceAll(/^\thelp\n(\t {2}.*\n|\n)*/gm, "");
	const names = [...code.matchAll(/\bBR2_\w+/g)].map(([name]) => name);
	return [...new Set(names)]
		.filter((name) => !OWN.test(name) && !name.startsWith("BR2_EXTERNAL"))
		.sort();
}

/** The symbols of the pinned release, without those it keeps only to refuse them. */
export async function releaseSymbols(): Promise<Set<string>> {
	const text = await readFile(join(treeFolder, "symbols.txt"), "utf8");
	return new Set(text.split("\n").filter((line) => /^BR2_/.test(line)));
}
