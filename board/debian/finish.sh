#!/bin/sh
# finish.sh TREE BUSYBOX: replaces Debian's maintainer scripts, which never run, for the unpacked tree.
# BUSYBOX is the same version as the tree's, for this machine.
set -eu
applets=$("$2" --list)
cd "$1"

# Commands of busybox that no other package provides.
for applet in $applets; do
	case "$applet" in
		busybox | dpkg* | rpm* | run-init | init | linuxrc | ash | sh) continue ;;
	esac
	for directory in usr/bin usr/sbin; do
		[ -e "$directory/$applet" ] || [ -L "$directory/$applet" ] && continue 2
	done
	ln -s busybox "usr/bin/$applet"
done
ln -sf dash usr/bin/sh
ln -sf ../bin/busybox usr/sbin/init

# PostgreSQL's programs under their plain names, which Debian uses for its wrappers.
for program in usr/lib/postgresql/17/bin/*; do
	ln -sf "../lib/postgresql/17/bin/${program##*/}" "usr/bin/${program##*/}"
done

# Nobody needs the others: only root mounts file systems and checks passwords.
find . -type f -perm /6000 ! -path ./usr/bin/su ! -path ./usr/bin/sudo -exec chmod u-s,g-s {} +

# Keep only the PAM modules that /etc/pam.d uses.
for module in usr/lib/*/security/pam_*.so; do
	case "${module##*/}" in
		pam_unix.so | pam_rootok.so | pam_faildelay.so | pam_deny.so) ;;
		*) rm "$module" ;;
	esac
done

# One file with all certificate authorities.
mkdir -p etc/ssl/certs
cat usr/share/ca-certificates/mozilla/*.crt >etc/ssl/certs/ca-certificates.crt
rm -r usr/share/ca-certificates

# Directories that the overlay replaces with links to sda2.
rmdir home
rm -r var/log
