# shellcheck shell=sh
# Finds the boot disk, and tells what its partitions hold and who uses them.
. /usr/lib/app-platform/disk.sh
. /usr/lib/app-platform/layout.sh

# Prints the name of the disk with the MBR signature that the boot loader passes (disk=…), or, without a
# signature, of the disk whose first partition has the label `boot`. If there is none or more than one,
# prints the reason and fails (2: there is none).
find_boot_disk() {
	signature=$(kernel_argument disk)
	found=
	read_only=
	large_sectors=
	for entry in /sys/block/*; do
		candidate=${entry##*/}
		is_disk "$candidate" || continue
		# The partition table was made for sectors of this size.
		if [ "$(sector_bytes "$candidate")" != "$SECTOR_BYTES" ]; then
			large_sectors=$candidate
			continue
		fi
		is_boot_disk "$candidate" "$signature" || continue
		if [ "$(cat "/sys/block/$candidate/ro")" = 1 ]; then
			read_only=$candidate
			continue
		fi
		if [ -n "$found" ]; then
			echo "Both /dev/$found and /dev/$candidate may be the disk that was started from:" \
				"remove one of them"
			return 1
		fi
		found=$candidate
	done
	if [ -z "$found$read_only" ]; then
		echo "There is no disk with ${signature:+the signature $signature and }boot files${large_sectors:+;} \
${large_sectors:+/dev/$large_sectors has sectors of $(sector_bytes "$large_sectors") bytes, on which App Platform \
cannot be installed: set them to $SECTOR_BYTES bytes}"
		return 2
	fi
	if [ -z "$found" ]; then
		echo "The disk that was started from, /dev/$read_only, is read-only: make it writable and restart"
		return 1
	fi
	echo "$found"
}

is_disk() {
	case $1 in
	ram* | loop* | sr* | fd* | zram* | dm-* | md*) return 1 ;;
	esac
	[ "$(cat "/sys/block/$1/size")" -gt 0 ]
}

# sector_bytes DISK: prints the size of a logical sector, the unit by which the disk is addressed.
sector_bytes() {
	cat "/sys/block/$1/queue/logical_block_size"
}

# is_boot_disk DISK SIGNATURE
is_boot_disk() {
	if [ -n "$2" ]; then
		[ "$(blkid -p -s PTUUID -o value "/dev/$1")" = "$2" ]
	else
		first=$(partition_of "$1" 1) &&
			[ "$(blkid -p -s LABEL -o value "/dev/$first" | tr '[:upper:]' '[:lower:]')" = boot ]
	fi
}

# users_of PARTITION: prints its users in one line; fails if there are none. Tells partitions in use from
# damaged ones, which cause the same errors.
users_of() {
	users=$(
		holders_of "$1"
		! grep -q "^/dev/$1 " /proc/swaps || echo "used as swap"
		openers_of "$1"
	)
	[ -n "$users" ] || return 1
	echo "$users" | join_lines
	echo
}

# openers_of PARTITION: prints processes such as e2fsck, which use the partition itself, not its file
# system.
openers_of() {
	number=$(cat "/sys/class/block/$1/dev" 2>/dev/null) || return 0
	number=$(printf %x:%x "${number%:*}" "${number#*:}")
	printf '%s\0' /proc/[0-9]*/fd/* | xargs -0 stat -L -c '%t:%T %F %n' 2>/dev/null |
		sed -n "s|^$number block special file /proc/\\([0-9]*\\)/fd/.*|\\1|p" | sort -u |
		while read -r process; do
			[ "$process" = $$ ] || echo "$(process_name "$process") has /dev/$1 open"
		done
}

# in_use PARTITION: prints `, because it is in use (USERS)` for the end of a message, or nothing.
in_use() {
	! users=$(users_of "$1") || echo ", because it is in use ($users)"
}

# is_data_file_system DISK: whether an installation has completed the file system on sda2. Its label is
# written last.
is_data_file_system() {
	data_partition=$(partition_of "$1" 2) || return 1
	[ "$(blkid -p -s TYPE -o value "/dev/$data_partition")" = ext4 ] &&
		[ "$(blkid -p -s LABEL -o value "/dev/$data_partition")" = data ]
}
