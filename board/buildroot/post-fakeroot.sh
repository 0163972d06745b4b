#!/bin/sh
# post-fakeroot.sh TREE: turns Buildroot's rootfs into the tree that later stages expect from both bases.
# TREE is a copy for the archive; Buildroot's own target directory must stay complete for the next build.
set -eu
cd "$1"

# overlay/ has the system's start scripts and configuration.
rm -rf etc/init.d etc/inittab etc/fstab etc/network etc/profile.d

# Directories that the overlay replaces with links to sda2.
rm -rf home var/log apps boot
# Configuration and data of Buildroot's packages that the system does not use.
rm -rf etc/dhcpcd.conf lib/dhcpcd usr/lib/dhcpcd usr/libexec/dhcpcd* var/db/dhcpcd var/lib/pgsql etc/ssh etc/pam.d etc/haproxy etc/chrony.conf

# Of OpenSSH keep only scp and the SFTP server, at Debian's paths.
mkdir -p usr/lib/openssh
[ ! -f usr/libexec/sftp-server ] || mv usr/libexec/sftp-server usr/lib/openssh/
ln -sfn openssh/sftp-server usr/lib/sftp-server
rm -f usr/sbin/sshd usr/bin/ssh usr/bin/ssh-* usr/bin/sftp usr/libexec/ssh*

# PostgreSQL's programs also under its major version, as in Debian: later upgrades look for them there.
major=$(sed -n '1s/^# PostgreSQL //p' usr/share/postgresql/postgres.bki)
mkdir -p "usr/lib/postgresql/$major/bin"
for program in usr/bin/postgres usr/bin/initdb usr/bin/psql usr/bin/pg_*; do
	ln -sfn "../../../../bin/${program##*/}" "usr/lib/postgresql/$major/bin/${program##*/}"
done
