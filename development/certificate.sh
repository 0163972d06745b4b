#!/bin/sh
# Replaces root's command `certificate` on this machine: same arguments. Creates certificates with the image's
# make-certificate and its library from the sources.
set -eu
directory=$MANAGER_DATA_DIRECTORY/system/webserver
overlay=${0%/*}/../overlay
library=usr/lib/app-platform
case $1 in
store)
	umask 077
	cat >"$directory/certificate.pem.new"
	mv "$directory/certificate.pem.new" "$directory/certificate.pem"
	;;
make)
	shift
	files=$(cat "$overlay/both/$library/files.sh")
	program=$(grep -vx '\. /usr/lib/app-platform/files.sh' "$overlay/system/$library/make-certificate")
	exec sh -c "$files
$program" make-certificate "$directory/default.pem" "$@"
	;;
esac
