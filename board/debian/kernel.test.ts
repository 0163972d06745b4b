import test from "ava";
import { refuseDroppedOptions } from "./kernel.ts";

const config = "\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=250\n";

test("a configuration that kept all options is taken", (t) => {
	t.notThrows(() =>
		refuseDroppedOptions(
			"# text\nCONFIG_A=y\nCONFIG_B=n\nCONFIG_C=250\n",
			config,
		),
	);
});

test("options that Kconfig dropped or changed are named", (t) => {
	const error = t.throws(() =>
		refuseDroppedOptions(
			"CONFIG_A=n\nCONFIG_B=y\nCONFIG_C=1000\nCONFIG_D=y\n",
			config,
		),
	);
	for (const name of [
		"CONFIG_A=n",
		"CONFIG_B=y",
		"CONFIG_C=1000",
		"CONFIG_D=y",
	])
		t.true(error.message.includes(name), name);
});
