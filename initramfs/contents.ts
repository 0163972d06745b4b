/**
 * What the ramdisk takes from the rootfs tree and from rootfs-overlay/. Libraries need not be
 * named: the pipeline finds what programs ask for. Everything in initramfs/root/ comes on top.
 */

/** The commands of a rescue: those that our scripts call and those that people type. */
export const ramdiskCommands: readonly string[] = [
	// the system
	"busybox sh dash bash init getty login mount umount mountpoint swapon swapoff losetup hostname",
	"sysctl dmesg hwclock date mdev killall kill sync reboot poweroff halt logger stty tty setsid",
	"runsvdir runsv sv svok svlogd syslogd klogd logread acpid loadkeys",
	// people
	"su passwd id whoami who login ps top free uptime pgrep pkill vi less more clear reset",
	// files
	"cat cp mv rm ln ls mkdir rmdir mkfifo mknod mktemp chmod chown chgrp touch stat readlink",
	"realpath basename dirname find df du dd cmp diff head tail tee sort uniq wc cut tr sed awk",
	"grep egrep fgrep xargs od hexdump printf echo test [ [[ true false seq sleep timeout env pwd",
	"expr which usleep uname nproc md5sum sha256sum tar xz xzcat unxz gzip gunzip zcat",
	"pv patch truncate strings time watch",
	// disks
	"blkdiscard blkid blockdev sfdisk fdisk partprobe lsblk findmnt e2fsck e2label tune2fs dumpe2fs debugfs",
	"fsck.fat fsck.vfat resize2fs mke2fs mkfs.ext2 mkfs.ext4 fsck.ext2 fsck.ext4 badblocks mkswap wipefs",
	// network
	"ip ping ping6 arping traceroute nslookup netstat nc wget udhcpc ifconfig route",
	"dropbear dropbearkey scp nft",
	// updates
	"minisign kexec haproxy httpd",
].flatMap((line) => line.split(" "));

/** Patterns of paths in the rootfs tree. */
export const treePaths: readonly string[] = [
	"{bin,sbin,lib,lib64}",
	"{dev,proc,sys,run,tmp}",
	"usr/{bin,sbin}/{__commands__}".replace(
		"__commands__",
		ramdiskCommands.map(escapeGlob).join(),
	),
	// The dynamic linker under the name that programs have for it.
	"usr/{lib,lib64}/ld-linux*",
	// The C library loads it when a thread ends: without it, HAProxy aborts.
	"usr/lib/{*-linux-*/,}libgcc_s.so.1",
	"usr/lib/openssh/sftp-server",
	"usr/lib/sftp-server",
	"usr/lib/{*/security,security}/pam_{unix,rootok,faildelay}.so",
	"usr/sbin/unix_chkpwd",
	"etc/mke2fs.conf",
	// What terminals can do, for top and for bash at the prompt.
	"usr/share/terminfo/{l/linux,v/vt100,v/vt102,x/xterm,x/xterm-256color}",
];

/** Patterns of what only targets with a screen and a keyboard have. */
export const optionalTreePaths: readonly string[] = [
	"usr/share/keymaps/i386/**",
];

/** Patterns of paths in rootfs-overlay/: what rescue and system share. */
export const overlayPaths: readonly string[] = [
	"etc/{passwd,group,shadow,hosts,hostname,resolv.conf,issue,mtab,service}",
	"etc/{inittab,profile,shells,nsswitch.conf,login.defs,sysctl.conf}",
	"etc/pam.d/{common,other,su,su-l}",
	"etc/{udhcpc,nftables}/*",
	"etc/acpi/PWRF/*",
	"etc/init.d/{rcS,rcK,S02system,S09services,S10syslog,S40network,S43default-passwords,S44ssh,S48console}",
	"etc/sv/{getty,syslogd,klogd,dhcp,default-passwords,ssh,acpid,haproxy}/**",
	"mnt/sda2/system/*",
	"boot",
	"usr/lib/app-platform/*",
	"usr/local/bin/loadkeys",
	"usr/sbin/{setip,shutdown}",
	"var/{log,run,lock}",
];

function escapeGlob(name: string): string {
	return name.replaceAll(/[[\]]/g, "\\$&");
}
