import type { Mutant } from "./mutant.ts";

const steps = "/usr/lib/app-platform/install-steps.sh";

/** Mistakes that the test has to find. */
export const mutants: readonly Mutant[] = [
	{
		name: "a flush left out before the menu is switched",
		script: steps,
		original: `	umount /run/rootfs || fail "$rootfs cannot be written to"
	e2fsck -f -n "$rootfs" >/run/e2fsck.log 2>&1 || fail "$rootfs is damaged, see /run/e2fsck.log"
	mount -t ext4 "$rootfs" /run/rootfs
	replace_file "/run/rootfs/$INSTALLED" <"$2/SHA256SUMS" || fail "$rootfs cannot be written to"
	umount /run/rootfs
`,
		mutated: `	cat <"$2/SHA256SUMS" >"/run/rootfs/$INSTALLED"
`,
	},
	{
		name: "the entry switched before the system is installed",
		script: "/home/root/install.sh",
		original: `	hold_rescue
	put_system
}

factory()`,
		mutated: `	set_default_entry system
	put_system
}

factory()`,
	},
];
