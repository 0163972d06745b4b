import { readFile } from "node:fs/promises";
import { join } from "node:path";

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
	const wanted = new Map<string, string>();
	for (const line of defconfigs.split("\n")) {
		const name = /^(?:# )?(BR2_\w+)(?:=| is not set$)/.exec(line)?.[1];
		if (name) wanted.set(name, line);
	}
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
export function refuseDroppedOptions(
	wanted: ReadonlyMap<string, string>,
	config: string,
	output = "",
): void {
	const lines = new Set(config.split("\n"));
	const isOff = (line: string, name: string) =>
		line === `# ${name} is not set` && !config.includes(`\n${name}=`);
	const dropped = [...wanted]
		.filter(([name, line]) => !lines.has(line) && !isOff(line, name))
		.map(([, line]) => line);
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

/** The same for busybox: Buildroot lays our options over its own configuration, and checks none. */
export function refuseDroppedBusyboxOptions(
	options: string,
	config: string,
): void {
	const lines = new Set(config.split("\n"));
	const wanted = options.split("\n").filter((line) => /^CONFIG_/.test(line));
	const dropped = wanted.filter((line) => !lines.has(line));
	if (dropped.length > 0)
		throw new Error(
			`busybox's configuration does not take: ${dropped.join(", ")}`,
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
