#!/bin/sh
# Replaces the image's boot-partition in tests: the same commands, but on a directory.
set -eu
cd "$(dirname "$0")"
case $1 in
show) printf 'SLOT=a\nUPDATE=%s\n' "$(cat state 2>/dev/null || echo none)" ;;
stage)
	[ ! -e broken ] || {
		echo "The boot partition is broken" >&2
		exit 1
	}
	mkdir "$2"
	tar -xf - -C "$2"
	(cd "$2" && sha256sum --quiet -c SHA256SUMS)
	echo install >state
	;;
cancel) echo none >state ;;
confirm) touch confirmed ;;
restart) touch restarted ;;
esac
