import type { Mutant } from "./mutant.ts";

const script = "/home/root/install.sh";

/** Mistakes of the installation that the test has to find. */
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
		original: `	copy_settings "$disk"
	finish_rootfs "$disk" "$slot"
`,
		mutated: `	copy_settings "$disk"
	cat "$BOOT/$slot/SHA256SUMS" >"/run/rootfs/$INSTALLED"
`,
	},
];

/** Mistakes of an update, in what the manager does on the boot partition. */
export const mutantsOfUpdate: readonly Omit<Mutant, "until">[] = [
	{
		name: "an update whose entry is switched before its set is there",
		script: "/usr/lib/app-platform/boot-partition",
		original: `	echo "FOLDER=$BOOT/$1"
`,
		mutated: `	set_boot_state rescue a "install $1 0"
	echo "FOLDER=$BOOT/$1"
`,
	},
	{
		name: "an update that writes its set in place of the one in use",
		script: "/usr/lib/app-platform/boot-partition",
		original: `	{ rm -rf "\${BOOT:?}/$1"`,
		mutated: `	set -- a
	{ rm -rf "\${BOOT:?}/$1"`,
	},
];
