# shellcheck shell=sh
# The boot loader's menu: which entry starts by default, which set of files it starts, and how
# far an update is. All of it stands in the menu's first sector and is overwritten in place, in
# one write, which a power cut cannot tear.
. /usr/lib/app-platform/boot-menu.sh

BOOT=/mnt/sda1
SECTOR_BYTES=512

# `rescue` or `system`; fails when the first line of the menu is not ours.
default_entry() {
	case $(head -n 1 "$MENU") in
	"$BEFORE_DEFAULT$RESCUE_ENTRY") echo rescue ;;
	"$BEFORE_DEFAULT$SYSTEM_ENTRY") echo system ;;
	*) return 1 ;;
	esac
}

# The folder's name, a or b, of the set that the boot loader starts.
boot_slot() {
	sector | sed -n 's/^set slot=\([ab]\)$/\1/p; s/.* slot=\([ab]\)$/\1/p' | head -n 1
}

# The words of the line `# update:`; `none` where an edited menu has lost it:
#   none              no update is under way
#   install SLOT N    the ramdisk puts the system of SLOT on sda3; it has begun N times
#   try SLOT N        the system of SLOT is on trial; it was started N times
#   undo SLOT N       the system of SLOT has failed; the one before is put back, begun N times
update_state() {
	words=$(sector | sed -n 's/^# update: //p')
	echo "${words:-none}"
}

# Whether there is an update for the ramdisk to go on with.
update_due() {
	case "$(default_entry) $(update_state)" in
	"rescue install "* | "rescue try "* | "rescue undo "*) return 0 ;;
	*) return 1 ;;
	esac
}

sector() {
	head -c $SECTOR_BYTES "$MENU"
}

# set_default_entry rescue|system: nothing else changes, whatever somebody made of the menu.
set_default_entry() {
	default_entry >/dev/null || {
		echo "The first line of $MENU does not name our default entry: it is left alone" >&2
		return 1
	}
	# <> does not truncate: the line is overwritten from the file's first byte on.
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

# set_boot_state rescue|system SLOT UPDATE_STATE: all three in the same write.
set_boot_state() {
	if ! default_entry >/dev/null || ! sector | grep -q '^# update: '; then
		echo "The first sector of $MENU was edited, its state is not there: it is left alone" >&2
		return 1
	fi
	name=$(entry_name "$1") || return 1
	# GRUB has the slot in a variable, extlinux.conf in each path.
	sector | sed -e "1s/.*/$BEFORE_DEFAULT$name/" -e "s/^# update: .*/# update: $3/" \
		-e "s/^set slot=[ab]\$/set slot=$2/" -e "s/ slot=[ab]\$/ slot=$2/" \
		-e "s#^\\(linux\\|initrd\\|fdtdir\\) .*/#\\1 $(path_of_set "$2")/#" \
		-e '/^##*$/d' >/run/menu-sector || return 1
	padding=$((SECTOR_BYTES - $(wc -c </run/menu-sector)))
	[ $padding -gt 0 ] || {
		echo "The state does not fit into the first sector of $MENU" >&2
		return 1
	}
	head -c $((padding - 1)) /dev/zero | tr '\0' '#' >>/run/menu-sector
	echo >>/run/menu-sector
	dd if=/run/menu-sector of="$MENU" bs=$SECTOR_BYTES count=1 conv=notrunc,fsync 2>/dev/null ||
		return 1
	[ "$(default_entry) $(boot_slot) $(update_state)" = "$1 $2 $3" ]
}

# path_of_set SLOT: for the boot loader. A new gateway has its kernel at the top.
path_of_set() {
	[ ! -f "$BOOT/$1/linux" ] || echo "/$1"
}

other_slot() {
	case $1 in
	a) echo b ;;
	b) echo a ;;
	*) return 1 ;;
	esac
}

# file_of_set SLOT NAME: where a file of the set lies.
file_of_set() {
	if [ -f "$BOOT/$1/$2" ]; then
		echo "$BOOT/$1/$2"
	else
		echo "$BOOT/$2"
	fi
}
