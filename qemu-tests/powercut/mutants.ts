import type { Mutant } from "./mutant.ts";

const script = "/home/root/install.sh";

/** Mistakes in the installation that the test must find. */
export const mutants: readonly Mutant[] = [
	{
		name: "a boot entry that is switched before the system is installed",
		script,
		original: `	make_rescue_default
	install_system
}

factory()`,
		mutated: `	set_default_entry system
	install_system
}

factory()`,
		until: /Unpacking the system/,
	},
	{
		name: "a missing flush before the boot entry is switched",
		script,
		original: `	copy_settings "$disk"
	finish_rootfs "$disk" "$slot"
`,
		mutated: `	copy_settings "$disk"
	cat "$BOOT/$slot/SHA256SUMS" >"/run/rootfs/$INSTALLED"
`,
	},
];

/** Mistakes in what the manager does on the boot partition during an update. */
export const updateMutants: readonly Omit<Mutant, "until">[] = [
	{
		name: "an update whose boot entry is switched before its slot is written",
		script: "/usr/lib/app-platform/boot-partition",
		original: `	sums=$BOOT/$1/SHA256SUMS
`,
		mutated: `	sums=$BOOT/$1/SHA256SUMS
	set_boot_state rescue a "install $1 0"
`,
	},
	{
		name: "an update that overwrites the slot in use",
		script: "/usr/lib/app-platform/boot-partition",
		original: `	{ rm -rf "\${BOOT:?}/$1"`,
		mutated: `	set -- a
	{ rm -rf "\${BOOT:?}/$1"`,
	},
];
