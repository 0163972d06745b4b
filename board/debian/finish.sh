#!/bin/sh
# finish.sh TREE BUSYBOX: does for the unpacked tree what we want of Debian's maintainer scripts,
# which never run. BUSYBOX is the tree's, for this machine.
set -eu
applets=$("$2" --list)
cd "$1"

# Commands that busybox has and nothing else brought.
for applet in $applets; do
	case "$applet" in
		busybox | dpkg* | rpm* | run-init | init | linuxrc | ash | sh) continue ;;
	esac
	for folder in usr/bin usr/sbin; do
		[ -e "$folder/$applet" ] || [ -L "$folder/$applet" ] && continue 2
	done
	ln -s busybox "usr/bin/$applet"
done
ln -sf dash usr/bin/sh
ln -sf ../bin/busybox usr/sbin/init

# PostgreSQL's programs under their plain names, which Debian's wrappers would take.
for program in usr/lib/postgresql/17/bin/*; do
	ln -sf "../lib/postgresql/17/bin/${program##*/}" "usr/bin/${program##*/}"
done

# PAM's modules that /etc/pam.d names.
for module in usr/lib/*/security/pam_*.so; do
	case "${module##*/}" in
		pam_unix.so | pam_rootok.so | pam_faildelay.so | pam_deny.so) ;;
		*) rm "$module" ;;
	esac
done

# The one file with every certificate authority.
mkdir -p etc/ssl/certs
cat usr/share/ca-certificates/mozilla/*.crt >etc/ssl/certs/ca-certificates.crt
rm -r usr/share/ca-certificates

# Folders whose place the overlay takes with links to sda2.
rmdir home
rm -r var/log
