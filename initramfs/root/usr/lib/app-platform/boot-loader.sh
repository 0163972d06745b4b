# shellcheck shell=sh
# The boot loader's menu: which entry starts by default, and the set of files that it starts.
. /usr/lib/app-platform/boot-menu.sh

# `rescue` or `system`; fails when the first line of the menu is not ours.
default_entry() {
	case $(head -n 1 "$MENU") in
	"$BEFORE_DEFAULT$RESCUE_ENTRY") echo rescue ;;
	"$BEFORE_DEFAULT$SYSTEM_ENTRY") echo system ;;
	*) return 1 ;;
	esac
}

# set_default_entry rescue|system: overwrites the name of the entry with one of the same length,
# in one write inside one sector, which a power cut cannot tear.
set_default_entry() {
	case $1 in
	rescue) name=$RESCUE_ENTRY ;;
	system) name=$SYSTEM_ENTRY ;;
	*) return 1 ;;
	esac
	default_entry >/dev/null || {
		echo "The first line of $MENU does not name our default entry: it is left alone" >&2
		return 1
	}
	# <> does not truncate: the line is overwritten from the file's first byte on.
	printf %s "$BEFORE_DEFAULT$name" 1<>"$MENU" || return 1
	sync
	[ "$(default_entry)" = "$1" ]
}

# The folder of the set that the boot loader started; prints why and fails when there is none.
chosen_set() {
	slot=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^slot=//p' | tail -n 1)
	folder=/mnt/sda1/${slot:-a}
	if [ -f "$folder/SHA256SUMS" ]; then
		echo "$folder"
	else
		echo "there is no set of files in $folder"
		return 1
	fi
}
