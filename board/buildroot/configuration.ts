import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { droppedOptions, parseKconfig } from "../kconfig.ts";

/** The BR2_EXTERNAL directory. */
export const treeDirectory = import.meta.dirname;

export const defconfigPath = (target: string) =>
	join(treeDirectory, "configs", `app_platform_${target}_defconfig`);

/** Matches the symbols that this tree defines. */
const OWN = /^BR2_(PACKAGE_)?(APP_PLATFORM|NODEJS_PREBUILT)/;

/**
 * Returns the options that a configuration must have: the lines of defconfigs, of which later ones win, and
 * the options that BR2_APP_PLATFORM in Config.in selects for this target (`BR2_x86_64`, …).
 */
export function wantedOptions(
	defconfigs: string,
	configIn: string,
): Map<string, string> {
	const wanted = parseKconfig(defconfigs);
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
 * Checks that a configuration has all wanted options. Kconfig silently drops an option when a dependency
 * is off, but enables a selected one even then.
 * @param output output of `make defconfig`
 * @throws Error naming all dropped options and those with unmet dependencies.
 */
export function assertNoDroppedSymbols(
	wanted: ReadonlyMap<string, string>,
	config: string,
	output = "",
): void {
	const dropped = droppedOptions(wanted, config);
	const warnings = output.matchAll(
		/unmet direct dependencies detected for (BR2_\w+)/g,
	);
	const unmet = [...warnings].map(
		([, name]) => `${name} (a dependency is off)`,
	);
	if (dropped.length + unmet.length > 0)
		throw new Error(
			`Buildroot's configuration does not take: ${[...dropped, ...new Set(unmet)].join(", ")}`,
		);
}

/** Returns Buildroot's own symbols in the text of a defconfig, Config.in or makefile. */
export function namedSymbols(text: string): string[] {
	const code = text.replaceAll(/^\thelp\n(\t {2}.*\n|\n)*/gm, "");
	const names = [...code.matchAll(/\bBR2_\w+/g)].map(([name]) => name);
	return [...new Set(names)]
		.filter((name) => !OWN.test(name) && !name.startsWith("BR2_EXTERNAL"))
		.sort();
}

/** Returns the symbols of the pinned release without its legacy ones. */
export async function releaseSymbols(): Promise<Set<string>> {
	const text = await readFile(join(treeDirectory, "symbols.txt"), "utf8");
	return new Set(text.split("\n").filter((line) => /^BR2_/.test(line)));
}
