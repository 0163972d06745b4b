#!/bin/sh
# The image's make-certificate on this machine, with its library from the sources.
set -eu
overlay=${0%/*}/../overlay
library=usr/lib/app-platform
files=$(cat "$overlay/both/$library/files.sh")
program=$(grep -vx '\. /usr/lib/app-platform/files.sh' "$overlay/system/$library/make-certificate")
exec sh -c "$files
$program" make-certificate "$@"
