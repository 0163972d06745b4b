#!/bin/sh
# post-fakeroot.sh TREE: makes of Buildroot's rootfs what the rest of the build takes from either base.
# TREE is a copy for the archive: in its own, Buildroot looks for what it put there in the next build.
set -eu
cd "$1"

# How the system starts is rootfs-overlay's.
rm -rf etc/init.d etc/inittab etc/fstab etc/network etc/profile.d

# Folders whose place the overlay takes with links to sda2.
rm -rf home var/log apps boot
# What Buildroot's packages leave for services that are not ours.
rm -rf var/lib/pgsql etc/ssh etc/pam.d etc/haproxy etc/chrony.conf

# Of OpenSSH scp and the SFTP server alone, where Debian has them.
mkdir -p usr/lib/openssh
[ ! -f usr/libexec/sftp-server ] || mv usr/libexec/sftp-server usr/lib/openssh/
ln -sfn openssh/sftp-server usr/lib/sftp-server
rm -f usr/sbin/sshd usr/bin/ssh usr/bin/ssh-* usr/bin/sftp usr/libexec/ssh*

# PostgreSQL's programs also under its major version, which Debian has and later upgrades look for.
major=$(sed -n '1s/^# PostgreSQL //p' usr/share/postgresql/postgres.bki)
mkdir -p "usr/lib/postgresql/$major/bin"
for program in usr/bin/postgres usr/bin/initdb usr/bin/psql usr/bin/pg_*; do
	ln -sfn "../../../../bin/${program##*/}" "usr/lib/postgresql/$major/bin/${program##*/}"
done
