import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
test.after.always(() => host.remove());

// Debian's console-data and kbd's own maps, which Buildroot has, differ in names.
const debian =
	"qwertz/sg qwertz/sg-latin1 qwertz/fr_CH qwertz/fr_CH-latin1 qwertz/de qwertz/de-latin1 qwerty/us qwerty/uk qwerty/us-intl.iso15";
const kbd =
	"qwertz/de_CH-latin1 qwertz/fr_CH qwertz/de qwertz/de-latin1 qwerty/us qwerty/uk qwerty/us-acentos";
for (const [folder, maps, ending] of [
	["debian", debian, "kmap"],
	["kbd", kbd, "map"],
] as const) {
	for (const map of maps.split(" "))
		host.write(`${folder}/${map}.${ending}.gz`, "");
	host.write(`${folder}/include/compose.map.gz`, "");
}

const mapsOf = (folder: string, names: string) =>
	host.run(
		"keyboard-maps",
		`KEYBOARD_MAPS=${folder}
		for name in ${names}; do keyboard_map_of "$name" || echo none; done`,
	).output;

const same = "de de-latin1 fr_CH us uk";

for (const folder of ["debian", "kbd"]) {
	test(`names of ${folder}'s files are kept`, (t) => {
		t.is(mapsOf(folder, same), same.replaceAll(" ", "\n"));
	});

	test(`countries, languages and locales lead to ${folder}'s files`, (t) => {
		const [swiss, international] =
			folder === "debian"
				? ["sg-latin1", "us-intl.iso15"]
				: ["de_CH-latin1", "us-acentos"];
		t.is(
			mapsOf(folder, "ch CH de_CH de_CH.UTF-8 swiss"),
			Array(5).fill(swiss).join("\n"),
		);
		t.is(mapsOf(folder, "us-intl"), international);
		t.is(
			mapsOf(folder, "at german de_DE.UTF-8 DE"),
			"de-latin1\nde-latin1\nde-latin1\nde",
		);
		t.is(mapsOf(folder, "gb en_GB UK"), "uk\nuk\nuk");
		t.is(
			mapsOf(folder, "fr_CH FR_CH suisse"),
			`fr_CH\nfr_CH\n${folder === "debian" ? "fr_CH-latin1" : "fr_CH"}`,
		);
	});

	test(`${folder}: a file's name may have its folder and its ending`, (t) => {
		t.is(
			mapsOf(
				folder,
				"qwertz/de us.map /usr/share/keymaps/i386/qwertz/de.kmap.gz",
			),
			"de\nus\nde",
		);
	});

	test(`${folder}: what is no map has similar ones at best`, (t) => {
		t.is(
			mapsOf(folder, "nowhere compose include 'd.*' ''"),
			"none\n".repeat(5).trim(),
		);
		t.is(
			host.run(
				"keyboard-maps",
				`KEYBOARD_MAPS=${folder}; maps_like deu; maps_like qq`,
			).output,
			folder === "debian" ? "de de-latin1" : "de de-latin1 de_CH-latin1",
		);
	});
}
