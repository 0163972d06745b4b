import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { glob, type Shell } from "zx";

/**
 * Languages that keep their formats of numbers, dates, currencies and time zones. All others keep only
 * their collations, because databases may be sorted by them.
 */
const languages =
	"en bg ca cs da de el es et fi fr ga hr hu is it lt lv mk mt nb nl nn no pl pt ro ru sk sl sq sr sv tr uk";

/** Data trees that are kept only for English: names of languages, units, spelled-out numbers. */
const englishOnly = ["lang", "rbnf", "region", "unit"];

/** Returns whether an item of ICU's data, as named by `icupkg --list`, is excluded from the image. */
export function isExcluded(item: string): boolean {
	const [tree, name] = item.includes("/") ? item.split("/") : ["", item];
	if (tree === "translit") return true;
	// The index covers all languages; other common items (root, pool …) do not match below.
	if (name === "res_index.res") return false;
	const language = /^([a-z]{2,3})(_\w+)?\.res$/.exec(name as string)?.[1];
	if (!language || tree === "coll") return false;
	const kept = englishOnly.includes(tree as string)
		? ["en"]
		: languages.split(" ");
	return !kept.includes(language);
}

/**
 * Trims the data of libicudata in `directory`/tree, which saves 3 MB of the image: a smaller package,
 * padded with zeros, overwrites the data in the library.
 */
export async function trimIcuData($: Shell, directory: string): Promise<void> {
	const [library] = await glob("tree/usr/lib/*/libicudata.so.*.*", {
		cwd: directory,
	});
	if (!library) throw new Error("the tree has no libicudata");
	const path = join(directory, library);
	const { offset, size } = await dataIn($, path);
	// icupkg expects the version in the file name: icudt76l.dat.
	const version = /\.so\.(\d+)\./.exec(basename(library))?.[1];
	const data = `icudt${version}l.dat`;
	await $`dd if=${path} of=${data} iflag=skip_bytes,count_bytes bs=1M skip=${offset} count=${size} status=none`;
	const items = await $`icupkg --list ${data}`;
	const excluded = items.stdout.split("\n").filter(isExcluded);
	// icupkg recognizes a list by the extension .txt; any other name is one item.
	await writeFile(join(directory, "excluded.txt"), excluded.join("\n"));
	// The items' names start with the package's file name, so that must stay.
	await $`mkdir trimmed && icupkg --remove excluded.txt ${data} trimmed/${data}`;
	await $`truncate --size ${size} trimmed/${data}`;
	await $`dd if=trimmed/${data} of=${path} oflag=seek_bytes bs=1M seek=${offset} conv=notrunc status=none`;
	await $`rm -r ${data} trimmed excluded.txt`;
}

/** Returns the offset and size of ICU's data in a library, in bytes. */
async function dataIn(
	$: Shell,
	path: string,
): Promise<{ offset: number; size: number }> {
	const { stdout } = await $`readelf --wide --dyn-syms --sections ${path}`;
	// Num: Value Size Type Bind Vis Ndx Name
	const symbol = /: (\w+) +(\w+) OBJECT .* icudt\d+_dat$/m.exec(stdout);
	// [Nr] Name Type Address Off
	const section = /\.rodata +PROGBITS +(\w+) (\w+)/.exec(stdout);
	if (!symbol || !section) throw new Error(`${path} has no ICU data`);
	const fromHex = (text?: string) => Number.parseInt(text ?? "", 16);
	const offset = fromHex(symbol[1]) - fromHex(section[1]) + fromHex(section[2]);
	// readelf shows large sizes in hex with 0x, others in decimal.
	return { offset, size: Number(symbol[2]) };
}
