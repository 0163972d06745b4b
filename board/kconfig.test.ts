import test from "ava";
import { assertNoDroppedOptions } from "./kconfig.ts";

const config =
	"\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=250\nCONFIG_E=m\n";

test("a configuration with all options is accepted", (t) => {
	t.notThrows(() =>
		assertNoDroppedOptions(
			"busybox",
			"# text\nCONFIG_A=n\nCONFIG_A=y\nCONFIG_B=n\n# CONFIG_D is not set\nCONFIG_C=250\n",
			config,
		),
	);
});

test("the error names the options that Kconfig dropped or changed", (t) => {
	const error = t.throws(() =>
		assertNoDroppedOptions(
			"busybox",
			"# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=25\nCONFIG_D=y\nCONFIG_E=n\n",
			config,
		),
	);
	t.true(error.message.includes("busybox"));
	for (const name of [
		"# CONFIG_A is not set",
		"CONFIG_B=y",
		"CONFIG_C=25",
		"CONFIG_D=y",
		"CONFIG_E=n",
	])
		t.true(error.message.includes(name), name);
});
