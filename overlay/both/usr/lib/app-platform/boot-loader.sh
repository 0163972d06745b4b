# shellcheck shell=sh
# The state in the boot menu: the default entry, the slot that it starts, and the progress of an
# update. All of it is in the menu's first sector, which is overwritten in place with one write that a
# power cut cannot tear.
. /usr/lib/app-platform/boot-menu.sh
. /usr/lib/app-platform/layout.sh

BOOT=/mnt/sda1

# Prints `rescue` or `system`; fails if the first line of the menu is not ours.
default_entry() {
	case $(head -n 1 "$MENU") in
	"$BEFORE_DEFAULT$RESCUE_ENTRY") echo rescue ;;
	"$BEFORE_DEFAULT$SYSTEM_ENTRY") echo system ;;
	*) return 1 ;;
	esac
}

# Prints the slot, a or b, that the boot loader starts.
boot_slot() {
	sector | sed -n 's/^set slot=\([ab]\)$/\1/p; s/.* slot=\([ab]\)$/\1/p' | head -n 1
}

# Prints the words of the line `# update:`, or `none` if the line is missing from an edited menu:
#   none              no update is in progress
#   install SLOT N    the rescue system installs the system of SLOT on sda3; started N times
#   try SLOT N        trial boot of the system of SLOT; started N times
#   undo SLOT N       the system of SLOT failed; the previous one is being restored
update_state() {
	words=$(sector | sed -n 's/^# update: //p')
	echo "${words:-none}"
}

# Whether the rescue system has an update to continue.
is_update_due() {
	case "$(default_entry) $(update_state)" in
	"rescue install "* | "rescue try "* | "rescue undo "*) return 0 ;;
	*) return 1 ;;
	esac
}

sector() {
	head -c "$SECTOR_BYTES" "$MENU"
}

# set_default_entry rescue|system: changes nothing else, even in an edited menu.
set_default_entry() {
	default_entry >/dev/null || {
		echo "The first line of $MENU does not name our default entry: nothing is changed" >&2
		return 1
	}
	# <> does not truncate: the line is overwritten in place.
	printf %s "$BEFORE_DEFAULT$(entry_name "$1")" 1<>"$MENU" || return 1
	sync "$MENU" || return 1
	[ "$(default_entry)" = "$1" ]
}

entry_name() {
	case $1 in
	rescue) echo "$RESCUE_ENTRY" ;;
	system) echo "$SYSTEM_ENTRY" ;;
	*) return 1 ;;
	esac
}

# set_boot_state rescue|system SLOT UPDATE_STATE: changes all three in one write.
set_boot_state() {
	if ! default_entry >/dev/null || ! sector | grep -q '^# update: '; then
		echo "The first sector of $MENU was edited and lacks the boot state: nothing is changed" >&2
		return 1
	fi
	name=$(entry_name "$1") || return 1
	# GRUB has the slot in a variable, extlinux.conf in each path.
	sector | sed -e "1s/.*/$BEFORE_DEFAULT$name/" -e "s/^# update: .*/# update: $3/" \
		-e "s/^set slot=[ab]\$/set slot=$2/" -e "s/ slot=[ab]\$/ slot=$2/" \
		-e "s#^\\(linux\\|initrd\\|fdtdir\\) .*/#\\1 $(slot_path "$2")/#" \
		-e '/^##*$/d' >/run/menu-sector || return 1
	padding=$((SECTOR_BYTES - $(wc -c </run/menu-sector)))
	[ $padding -gt 0 ] || {
		echo "The state does not fit into the first sector of $MENU" >&2
		return 1
	}
	head -c $((padding - 1)) /dev/zero | tr '\0' '#' >>/run/menu-sector
	echo >>/run/menu-sector
	dd if=/run/menu-sector of="$MENU" bs="$SECTOR_BYTES" count=1 conv=notrunc,fsync 2>/dev/null ||
		return 1
	[ "$(default_entry) $(boot_slot) $(update_state)" = "$1 $2 $3" ]
}

# slot_path SLOT: prints the slot's directory as the boot loader names it. A new gateway has its kernel
# at the top of sda1 instead.
slot_path() {
	[ ! -f "$BOOT/$1/linux" ] || echo "/$1"
}

other_slot() {
	case $1 in
	a) echo b ;;
	b) echo a ;;
	*) return 1 ;;
	esac
}

# slot_file SLOT NAME: prints the path of one of the slot's files.
slot_file() {
	if [ -f "$BOOT/$1/$2" ]; then
		echo "$BOOT/$1/$2"
	else
		echo "$BOOT/$2"
	fi
}
