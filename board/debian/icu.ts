import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { glob, type Shell } from "zx";

/**
 * Languages whose formats of numbers, dates, currencies and time zones stay; of all others only
 * the collations do, since a database may have been sorted by them.
 */
const languages =
	"en bg ca cs da de el es et fi fr ga hr hu is it lt lv mk mt nb nl nn no pl pt ro ru sk sl sq sr sv tr uk";

/** Trees of data of which English is enough: names of languages, units, spelled-out numbers. */
const englishOnly = ["lang", "rbnf", "region", "unit"];

/** Whether an item of ICU's data, named as `icupkg --list` does, is left out of the image. */
export function isLeftOut(item: string): boolean {
	const [tree, name] = item.includes("/") ? item.split("/") : ["", item];
	if (tree === "translit") return true;
	// The index is of all languages; what else is not of one (root, pool …) is named otherwise.
	if (name === "res_index.res") return false;
	const language = /^([a-z]{2,3})(_\w+)?\.res$/.exec(name as string)?.[1];
	if (!language || tree === "coll") return false;
	const kept = englishOnly.includes(tree as string)
		? ["en"]
		: languages.split(" ");
	return !kept.includes(language);
}

/**
 * Leaves data out of the libicudata in `folder`/tree, which saves 3 MB of the image: a smaller package takes
 * the place of the data in the library, and zeros the place of the rest.
 */
export async function trimIcuData($: Shell, folder: string): Promise<void> {
	const [library] = await glob("tree/usr/lib/*/libicudata.so.*.*", {
		cwd: folder,
	});
	if (!library) throw new Error("there is no libicudata in the tree");
	const path = join(folder, library);
	const { offset, size } = await dataIn($, path);
	// icupkg wants the name of the data's version: icudt76l.dat.
	const version = /\.so\.(\d+)\./.exec(basename(library))?.[1];
	const data = `icudt${version}l.dat`;
	await $`dd if=${path} of=${data} iflag=skip_bytes,count_bytes bs=1M skip=${offset} count=${size} status=none`;
	const items = await $`icupkg --list ${data}`;
	const leftOut = items.stdout.split("\n").filter(isLeftOut);
	// A list is known by its name's ending; any other name would be one item.
	await writeFile(join(folder, "left-out.txt"), leftOut.join("\n"));
	// The names of the items in a package begin with the name of its file.
	await $`mkdir trimmed && icupkg --remove left-out.txt ${data} trimmed/${data}`;
	await $`truncate --size ${size} trimmed/${data}`;
	await $`dd if=trimmed/${data} of=${path} oflag=seek_bytes bs=1M seek=${offset} conv=notrunc status=none`;
	await $`rm -r ${data} trimmed left-out.txt`;
}

/** Where a library has ICU's data, in bytes from the start of its file. */
async function dataIn(
	$: Shell,
	path: string,
): Promise<{ offset: number; size: number }> {
	const { stdout } = await $`readelf --wide --dyn-syms --sections ${path}`;
	// Num: Value Size Type Bind Vis Ndx Name
	const symbol = /: (\w+) +(\w+) OBJECT .* icudt\d+_dat$/m.exec(stdout);
	// [Nr] Name Type Address Off
	const section = /\.rodata +PROGBITS +(\w+) (\w+)/.exec(stdout);
	if (!symbol || !section) throw new Error(`no data of ICU is in ${path}`);
	const fromHex = (text?: string) => Number.parseInt(text ?? "", 16);
	const offset = fromHex(symbol[1]) - fromHex(section[1]) + fromHex(section[2]);
	// readelf shows large sizes in hex with 0x, others in decimal.
	return { offset, size: Number(symbol[2]) };
}
