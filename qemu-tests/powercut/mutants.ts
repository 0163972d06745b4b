import type { Mutant } from "./mutant.ts";

const script = "/home/root/install.sh";

/** Mistakes that the test has to find. */
export const mutants: readonly Mutant[] = [
	{
		name: "the entry switched before the system is installed",
		script,
		original: `	hold_rescue
	put_system
}

factory()`,
		mutated: `	set_default_entry system
	put_system
}

factory()`,
		until: /Unpacking the system/,
	},
	{
		name: "a flush left out before the entry is switched",
		script,
		original: `	check_written "$disk"
	copy_settings "$disk"
	finish_rootfs "$disk" "$BOOT/$slot"
`,
		mutated: `	copy_settings "$disk"
	cat "$BOOT/$slot/SHA256SUMS" >"/run/rootfs/$INSTALLED"
`,
	},
];
