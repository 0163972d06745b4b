# shellcheck shell=sh
# GRUB's menu: which entry starts by default, and the set of files that it starts.

MENU=/boot/grub/grub.cfg
# Where the digit of the first line stands: set default=0
DIGIT_OFFSET=12

# `rescue` or `system`; fails when the first line of the menu is not ours.
default_entry() {
	case $(head -n 1 "$MENU") in
	'set default=0') echo rescue ;;
	'set default=1') echo system ;;
	*) return 1 ;;
	esac
}

# set_default_entry rescue|system: overwrites one byte in place, inside one sector, which a
# power cut cannot tear.
set_default_entry() {
	case $1 in
	rescue) digit=0 ;;
	system) digit=1 ;;
	*) return 1 ;;
	esac
	default_entry >/dev/null || {
		echo "The first line of $MENU is not \"set default=0\" or 1: it is left alone" >&2
		return 1
	}
	printf %s $digit |
		dd of="$MENU" bs=1 seek=$DIGIT_OFFSET conv=notrunc,fsync 2>/dev/null
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
