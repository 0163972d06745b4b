/**
 * Modes in the rootfs and the ramdisk that git cannot keep (it knows only the executable bit).
 * Everything belongs to root; what belongs to others is made on the device.
 */
export const permissions: Readonly<Record<string, number>> = {
	"etc/sudoers": 0o440,
	"mnt/sda2/system/shadow": 0o600,
	tmp: 0o1777,
	"var/tmp": 0o1777,
};
