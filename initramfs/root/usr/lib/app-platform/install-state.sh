# shellcheck shell=sh
# What is installed, and whether there is something to do.

# On sda3, written last: the SHA256SUMS of the set whose system is there completely.
INSTALLED=.app-platform-installed
# On sda3, written by the system itself when it starts.
STARTED=.app-platform-started
# Is there once the start of the ramdisk has looked at sda3 and knows what is due.
DECIDED=/run/install.decided

# Where a system is looked at.
LOOK=/run/look

# installed_state DISK SET_FOLDER: `absent`, `complete`, `started` when it has also run, or `in-use`
# when somebody keeps it from being looked at.
installed_state() {
	rootfs=$(partition_of "$1" 3) || {
		echo absent
		return 0
	}
	if ! mount_to_look "$rootfs" "$LOOK"; then
		if users_of "$rootfs" >/dev/null; then
			echo in-use
		else
			echo absent
		fi
		return 0
	fi
	if ! cmp -s "$LOOK/$INSTALLED" "$2/SHA256SUMS"; then
		echo absent
	elif [ -e "$LOOK/$STARTED" ]; then
		echo started
	else
		echo complete
	fi
	umount "$LOOK"
}

# mount_to_look PARTITION DIRECTORY: read-only, without replaying the journal. The kernel refuses a
# second mount with other options: what is mounted already is shown at DIRECTORY too. Silent, since
# mount complains on its standard output as well.
mount_to_look() {
	mkdir -p "$2"
	! mountpoint -q "$2" || umount "$2" || return 1
	place=$(mounted_at "$1")
	if [ -n "$place" ]; then
		mount --bind "$place" "$2" && mount -o remount,bind,ro "$2"
	else
		mount -t ext4 -o ro,noload "/dev/$1" "$2"
	fi >/dev/null 2>&1
}

# mounted_at PARTITION: the first directory that shows all of it.
mounted_at() {
	device=$(cat "/sys/class/block/$1/dev" 2>/dev/null) || return 0
	# The kernel writes a blank as \040, which printf wants as \0040.
	printf %b "$(awk -v device="$device" '$3 == device && $4 == "/" { print $5; exit }' \
		/proc/self/mountinfo | sed 's/\\/\\0/g')"
}

# forget_installed DISK: a system that is damaged may not even let itself be unmarked; it is made
# again all the same, unless it is in use.
forget_installed() {
	rootfs=$(partition_of "$1" 3)
	mkdir -p /run/rootfs
	if mount -t ext4 "/dev/$rootfs" /run/rootfs; then
		rm -f "/run/rootfs/$INSTALLED" || say "The system on /dev/$rootfs is damaged"
		umount /run/rootfs || fail_about "$rootfs" "/dev/$rootfs cannot be unmounted"
	else
		check_free "$rootfs"
		say "The system on /dev/$rootfs is damaged"
	fi
}

# Somebody at the prompt may be faster than the start, whose mount keeps the disk busy.
wait_for_decision() {
	tenths=0
	until [ -e "$DECIDED" ] || [ $tenths -ge 600 ]; do
		tenths=$((tenths + 1))
		sleep 0.1
	done
}

# due_work DEFAULT_ENTRY STATE: `install`, `finish`, `none`, or `wait` when that cannot be told now.
# Whoever starts rescue by hand while the system is the default wants rescue and nothing else,
# and so does whoever made rescue the default of a system that has run.
due_work() {
	case $1,$2 in
	rescue,absent) echo install ;;
	rescue,complete) echo finish ;;
	rescue,in-use) echo wait ;;
	*) echo none ;;
	esac
}

# The slot of the set that is put on sda3: an update's until it has failed, else the one in use,
# which a gateway's own fields do not name. Prints why and fails when there is none.
slot_to_install() {
	# shellcheck disable=SC2046 # words
	set -- $(update_state) "$(boot_slot)" "$(kernel_argument slot)" a
	case $1 in
	install | try) chosen=$2 ;;
	undo) chosen=$4 ;;
	none) chosen=${2:-${3:-$4}} ;;
	esac
	if [ ! -f "$BOOT/$chosen/SHA256SUMS" ]; then
		echo "there is no set of files in $BOOT/$chosen"
		return 1
	fi
	echo "$chosen"
}
