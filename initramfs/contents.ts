import { rescueCommands } from "../board/contents.ts";

/**
 * The files of the rescue system from the rootfs tree and from rootfs-overlay/. Shared libraries are not
 * listed: the pipeline adds those that the programs need. Everything in initramfs/root/ is added on top.
 */

/** Patterns of paths in the rootfs tree. */
export const treePaths: readonly string[] = [
	"{bin,sbin,lib,lib64}",
	"{dev,proc,sys,run,tmp}",
	"usr/{bin,sbin}/{__commands__}".replace(
		"__commands__",
		rescueCommands.map(escapeGlob).join(),
	),
	// The dynamic linker under the name in the programs.
	"usr/{lib,lib64}/ld-linux*",
	// The C library loads it when a thread ends; without it, HAProxy aborts.
	"usr/lib/{*-linux-*/,}libgcc_s.so.1",
	"usr/lib/openssh/sftp-server",
	"usr/lib/sftp-server",
	"usr/lib/{*/security,security}/pam_{unix,rootok,faildelay}.so",
	"usr/sbin/unix_chkpwd",
	"etc/mke2fs.conf",
	// The capabilities of terminals, for top and bash.
	"usr/share/terminfo/{l/linux,v/vt100,v/vt102,x/xterm,x/xterm-256color}",
];

/** Patterns of paths that only targets with a screen and a keyboard have. */
export const optionalTreePaths: readonly string[] = [
	"usr/share/keymaps/i386/**",
];

/** Patterns of paths in rootfs-overlay/ that the rescue system shares with the system. */
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
	"usr/lib/app-platform/{address,address-options,default-passwords,machine-name,network}.sh",
	"usr/lib/app-platform/{boot-loader,disk,trial,unpack-slot,update-result,verify-slot}.sh",
	"usr/lib/app-platform/{files,keyboard-maps,log,service,settings,time-zone}.sh",
	"usr/lib/app-platform/{reopen-logs,serial-login,store-core-dump,supervisor,welcome}",
	"usr/local/bin/loadkeys",
	"usr/sbin/{setip,shutdown}",
	"var/{log,run,lock}",
];

function escapeGlob(name: string): string {
	return name.replaceAll(/[[\]]/g, "\\$&");
}
