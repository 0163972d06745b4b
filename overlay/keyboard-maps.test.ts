import test from "ava";
import { ScriptsOnHost } from "./scripts-on-host.ts";

const host = new ScriptsOnHost("grub");
test.after.always(() => host.remove());

// The names of maps differ between Debian's console-data and kbd, which Buildroot has.
const debian =
	"qwertz/sg qwertz/sg-latin1 qwertz/fr_CH qwertz/fr_CH-latin1 qwertz/de qwertz/de-latin1 qwerty/us qwerty/uk qwerty/us-intl.iso15";
const kbd =
	"qwertz/de_CH-latin1 qwertz/fr_CH qwertz/de qwertz/de-latin1 qwerty/us qwerty/uk qwerty/us-acentos";
for (const [base, maps, ending] of [
	["debian", debian, "kmap"],
	["kbd", kbd, "map"],
] as const) {
	for (const map of maps.split(" "))
		host.write(`${base}/${map}.${ending}.gz`, "");
	host.write(`${base}/include/compose.map.gz`, "");
}

const mapsOf = (base: string, names: string) =>
	host.run(
		"keyboard-maps",
		`KEYBOARD_MAPS=${base}
		for name in ${names}; do keyboard_map_of "$name" || echo none; done`,
	).output;

const same = "de de-latin1 fr_CH us uk";

for (const base of ["debian", "kbd"]) {
	test(`${base}: finds maps by their names`, (t) => {
		t.is(mapsOf(base, same), same.replaceAll(" ", "\n"));
	});

	test(`${base}: finds maps by country, language and locale`, (t) => {
		const [swiss, international] =
			base === "debian"
				? ["sg-latin1", "us-intl.iso15"]
				: ["de_CH-latin1", "us-acentos"];
		t.is(
			mapsOf(base, "ch CH de_CH de_CH.UTF-8 swiss"),
			Array(5).fill(swiss).join("\n"),
		);
		t.is(mapsOf(base, "us-intl"), international);
		t.is(
			mapsOf(base, "at german de_DE.UTF-8 DE"),
			"de-latin1\nde-latin1\nde-latin1\nde",
		);
		t.is(mapsOf(base, "gb en_GB UK"), "uk\nuk\nuk");
		t.is(
			mapsOf(base, "fr_CH FR_CH suisse"),
			`fr_CH\nfr_CH\n${base === "debian" ? "fr_CH-latin1" : "fr_CH"}`,
		);
	});

	test(`${base}: accepts file names with directory and extension`, (t) => {
		t.is(
			mapsOf(
				base,
				"qwertz/de us.map /usr/share/keymaps/i386/qwertz/de.kmap.gz",
			),
			"de\nus\nde",
		);
	});

	test(`${base}: suggests similar names for an unknown map`, (t) => {
		t.is(
			mapsOf(base, "nowhere compose include 'd.*' ''"),
			"none\n".repeat(5).trim(),
		);
		t.is(
			host.run(
				"keyboard-maps",
				`KEYBOARD_MAPS=${base}; maps_like deu; maps_like qq`,
			).output,
			base === "debian" ? "de de-latin1" : "de de-latin1 de_CH-latin1",
		);
	});
}
