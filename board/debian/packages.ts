/** Debian packages on the image; their dependencies are added automatically. */
export const packages: readonly string[] = [
	// the system itself
	"base-files",
	"busybox-static",
	"dash", // sh: busybox-static's sh prefers its own applets to all other commands
	"bash", // at the prompt
	"runit",
	"util-linux",
	"mount",
	"fdisk",
	"e2fsprogs",
	"quota",
	"dosfstools",
	"kexec-tools",
	"iproute2",
	"dhcpcd-base",
	"nftables",
	"chrony",
	"tzdata",
	"libpam-modules",
	"sudo",
	"s6", // s6-sudo: what the manager may do as root
	"dropbear-bin",
	"openssh-client", // only scp, for WinSCP
	"openssh-sftp-server",
	// tools for admins
	"procps",
	"ncurses-base", // terminal descriptions: top and bash's line editing need them
	"tar",
	"xz-utils",
	"zstd",
	"pv",
	"tcpdump",
	"libdebuginfod1t64", // for gdb, like the next four
	"libexpat1",
	"libreadline8t64",
	"libxxhash0",
	"libgmp10",
	"openssl",
	"ca-certificates",
	"minisign",
	// the platform of the apps
	"postgresql-17",
	"haproxy",
	"nodejs",
];

/** From the previous Debian release: its gdb-minimal has no Python, which saves 5 MB of the image. */
export const packagesOfOldRelease: readonly string[] = ["gdb-minimal"];

/**
 * Excluded dependencies: only maintainer scripts, which never run, or unused parts of a package need
 * them. The rootfs stage checks that no library is missing.
 */
export const excludedPackages: readonly string[] = [
	// PostgreSQL's just-in-time compiler
	"libllvm19",
	"libz3-4",
	// scripts around PostgreSQL
	"postgresql-common",
	"postgresql-common-dev",
	"postgresql-client-common",
	"ssl-cert",
	"libjson-perl",
	"libio-pty-perl",
	"libipc-run-perl",
	// Perl, not needed at run time
	"libperl5.40",
	"perl",
	"perl-base",
	"perl-modules-5.40",
	"libgdbm6t64",
	"libgdbm-compat4t64",
	"libtext-charwidth-perl",
	"libtext-wrapi18n-perl",
	// for maintainer scripts
	"adduser",
	"debconf",
	"init-system-helpers",
	"lsb-release",
	"passwd",
	"login.defs",
	"runit-helper",
	"sensible-utils",
	"sysuser-helper",
	"sysvinit-utils",
	"ucf",
	"base-passwd",
	"libsemanage2",
	"libsemanage-common",
	"libsepol2",
	"libdebconfclient0",
	// part of busybox
	"mawk",
	"media-types",
	// translations
	"libc-l10n",
	"locales",
	// VMware's guest authentication service and its XML signatures
	"libxmlsec1t64",
	"libxmlsec1t64-openssl",
	"libxslt1.1",
	"pci.ids",
	"pciutils",
	// Node's packages for npm
	"node-corepack",
	// quota's programs for mail, netlink and NFS, see excludedPaths
	"libnl-3-200",
	"libnl-genl-3-200",
	"libwrap0",
	// documentation of other packages
	"gcc-14-base",
	"logsave",
];

/** Paths that are not unpacked (GNU tar's patterns, `*` matches `/` too). */
export const excludedPaths: readonly string[] = [
	"./usr/share/doc/*",
	"./usr/share/man/*",
	"./usr/share/info/*",
	"./usr/share/locale/*",
	"./usr/share/lintian/*",
	"./usr/share/bug/*",
	"./usr/share/doc-base/*",
	"./usr/share/bash-completion/*",
	"./usr/share/zsh/*",
	"./usr/share/initramfs-tools/*",
	"./usr/lib/systemd/*",
	"./lib/systemd/*",
	"./usr/lib/udev/*",
	"./usr/lib/tmpfiles.d/*",
	"./usr/lib/sysusers.d/*",
	"./etc/init.d",
	"./etc/rc?.d",
	"./etc/default",
	"./etc/cron.*",
	"./etc/logrotate.d",
	"./etc/apparmor.d",
	"./etc/runit",
	"./etc/sv",
	"./etc/ucf.conf",
	// character sets other than Unicode's
	"./usr/lib/*/gconv",
	"./usr/lib/postgresql/17/lib/bitcode/*",
	"./usr/lib/postgresql/17/lib/llvmjit*",
	"./usr/lib/postgresql/17/lib/pgxs/*",
	"./usr/lib/postgresql/17/lib/plperl*",
	"./usr/lib/postgresql/17/lib/*_plperl*",
	"./usr/lib/postgresql/17/lib/pgxml.so",
	"./usr/lib/postgresql/17/bin/pgbench",
	"./usr/share/postgresql/17/man/*",
	"./usr/share/nodejs/corepack",
	"./usr/share/nodejs/@types",
	"./usr/share/gdb/*",
	// the linker's cache is not used
	"./usr/sbin/ldconfig",
	// s6's supervision: runit has that role
	"./usr/bin/s6-[!is]*",
	"./usr/bin/s6-instance*",
	"./usr/bin/s6-ioconnect",
	"./usr/bin/s6-s[!u]*",
	// unused programs that need large libraries
	"./usr/bin/pzstd",
	"./usr/bin/lslogins",
	"./usr/lib/*/sasl2",
	"./usr/sbin/arpd",
	"./usr/sbin/pam_timestamp_check",
	"./usr/sbin/quota_nld",
	"./usr/sbin/rpc.rquotad",
	"./usr/sbin/warnquota",
	"./usr/sbin/dcb",
	"./usr/sbin/devlink",
	"./usr/sbin/rdma",
	"./usr/sbin/tc",
	"./usr/lib/tc",
	"./usr/sbin/tipc",
	"./usr/sbin/vdpa",
	"./usr/share/openvswitch/*",
	"./usr/bin/ssh*",
	"./usr/lib/openssh/ssh-*",
	// the network's own script replaces dhcpcd's, and nothing runs udev
	"./etc/dhcpcd.conf",
	"./usr/lib/dhcpcd/*",
	"./usr/lib/*/dhcpcd/*",
	"./usr/share/dhcpcd/*",
	"./var/lib/dhcpcd",
	// Hyper-V's host gets no files written by root, and the network's own script answers its question
	"./usr/sbin/hv_fcopy_daemon",
	"./usr/libexec/hypervkvpd/hv_get_dhcp_info",
	"./usr/bin/VGAuthService",
	"./usr/bin/vmware-vgauth*",
	"./usr/lib/open-vm-tools/plugins/vmsvc/libdeployPkgPlugin.so",
	"./usr/lib/*/perl*",
];
