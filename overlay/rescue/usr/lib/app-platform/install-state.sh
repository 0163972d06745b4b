# shellcheck shell=sh
# Determines what is installed and what is to be done.

# The mark of a complete installation on sda3, written last: the SHA256SUMS of its slot.
INSTALLED=.app-platform-installed
# Written to sda3 by the system when it starts.
STARTED=.app-platform-started
# Exists once S90install has inspected sda3 and decided what to do.
DECIDED=/run/install.decided

# The mount point for inspecting a system.
INSPECTION_MOUNT=/run/look

# installed_state DISK SLOT_DIRECTORY: prints `absent`, `complete`, `started` if it has also run, or
# `in-use` if its users prevent inspecting it.
installed_state() {
	rootfs=$(partition_of "$1" 3) || {
		echo absent
		return 0
	}
	if ! mount_for_inspection "$rootfs" "$INSPECTION_MOUNT"; then
		if users_of "$rootfs" >/dev/null; then
			echo in-use
		else
			echo absent
		fi
		return 0
	fi
	if ! cmp -s "$INSPECTION_MOUNT/$INSTALLED" "$2/SHA256SUMS"; then
		echo absent
	elif [ -e "$INSPECTION_MOUNT/$STARTED" ]; then
		echo started
	else
		echo complete
	fi
	umount "$INSPECTION_MOUNT"
}

# mount_for_inspection PARTITION DIRECTORY: mounts it read-only, without replaying the journal. If it is
# already mounted, makes a bind mount, because the kernel refuses a second mount with other options.
# Discards the output, because mount prints errors on its standard output too.
mount_for_inspection() {
	mkdir -p "$2"
	! mountpoint -q "$2" || umount "$2" || return 1
	mount_point=$(mounted_at "$1")
	if [ -n "$mount_point" ]; then
		mount --bind "$mount_point" "$2" && mount -o remount,bind,ro "$2"
	else
		mount -t ext4 -o ro,noload "/dev/$1" "$2"
	fi >/dev/null 2>&1
}

# mounted_at PARTITION: prints its first mount point that shows the whole file system.
mounted_at() {
	device=$(cat "/sys/class/block/$1/dev" 2>/dev/null) || return 0
	# The kernel writes a blank as \040; printf expects \0040.
	printf %b "$(awk -v device="$device" '$3 == device && $4 == "/" { print $5; exit }' \
		/proc/self/mountinfo | sed 's/\\/\\0/g')"
}

# clear_installed_mark DISK: on a damaged file system, the mark may be impossible to delete; the system is
# reinstalled anyway, unless it is in use.
clear_installed_mark() {
	rootfs=$(partition_of "$1" 3)
	mkdir -p /run/rootfs
	if mount -t ext4 "/dev/$rootfs" /run/rootfs; then
		rm -f "/run/rootfs/$INSTALLED" || say "The system on /dev/$rootfs is damaged"
		umount /run/rootfs || fail_on_partition "$rootfs" "/dev/$rootfs cannot be unmounted"
	else
		check_free "$rootfs"
		say "The system on /dev/$rootfs is damaged"
	fi
}

# Waits for S90install, whose mount keeps the disk busy: an admin at the prompt may be faster.
wait_for_decision() {
	tenths=0
	until [ -e "$DECIDED" ] || [ $tenths -ge 600 ]; do
		tenths=$((tenths + 1))
		sleep 0.1
	done
}

# due_work DEFAULT_ENTRY STATE: prints `install`, `finish`, `none`, or `wait` if it cannot be determined
# yet. An admin who selects rescue while the system is the default only wants the rescue system, and so
# does one who made rescue the default after the system has run.
due_work() {
	case $1,$2 in
	rescue,absent) echo install ;;
	rescue,complete) echo finish ;;
	rescue,in-use) echo wait ;;
	*) echo none ;;
	esac
}

# Prints the slot to install on sda3: that of an update until it fails, else the one in use, which a
# gateway's own fields do not name. Prints the reason and fails if the slot is empty.
slot_to_install() {
	# shellcheck disable=SC2046 # words
	set -- $(update_state) "$(boot_slot)" "$(kernel_argument slot)" a
	case $1 in
	install | try) chosen=$2 ;;
	undo) chosen=$4 ;;
	none) chosen=${2:-${3:-$4}} ;;
	esac
	if [ ! -f "$BOOT/$chosen/SHA256SUMS" ]; then
		echo "slot $chosen is empty: there is no $BOOT/$chosen/SHA256SUMS"
		return 1
	fi
	echo "$chosen"
}
