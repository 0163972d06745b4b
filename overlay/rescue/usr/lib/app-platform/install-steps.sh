# shellcheck shell=sh
# The steps of an installation after the partitioning. Each may be repeated at any time.

# The label is written last: a file system with it is complete and holds data, and is kept.
make_data_file_system() {
	name=$(partition_of "$1" 2)
	data=/dev/$name
	if is_data_file_system "$1" || has_lost_superblock "$data"; then
		say "Keeping the data on $data; checking the file system"
		repair_data "$data" || fail_on_partition "$name" \
			"The data file system is damaged: repair it with e2fsck -f -y $data, then restart"
		return 0
	fi
	say "Creating the data file system on $data"
	mkfs.ext4 -q -F -m 1 -E nodiscard "$data" || fail_on_partition "$name" "No file system can be created on $data"
	sync
	e2label "$data" data
	sync
}

# has_lost_superblock PARTITION: whether the first superblock is invalid, but the second shows that there
# are data. e2label writes the first one last: a valid first superblock without a label means that the
# power failed just before the file system was complete, and it holds no data yet.
has_lost_superblock() {
	[ "$(blkid -p -s TYPE -o value "$1"):$(blkid -p -s LABEL -o value "$1")" != ext4: ] || return 1
	backup=$(dumpe2fs -h -o superblock=32768 -o blocksize=4096 "$1" 2>/dev/null |
		sed -n 's/^Filesystem volume name: *//p') || backup=
	[ "$backup" = data ]
}

make_swap() {
	name=$(partition_of "$1" 4)
	swap=/dev/$name
	[ "$(blkid -p -s LABEL -o value "$swap")" != swap ] || return 0
	say "Creating swap on $swap"
	mkswap -q -L swap "$swap" || fail_on_partition "$name" "No swap can be created on $swap"
}

# unpack_rootfs DISK SLOT: unpacks into a new file system, without old files.
unpack_rootfs() {
	name=$(partition_of "$1" 3)
	rootfs=/dev/$name
	say "Creating the root file system on $rootfs"
	! mountpoint -q /run/rootfs || umount /run/rootfs || fail_on_partition "$name" "$rootfs cannot be unmounted"
	# mkfs.ext4 writes other blocks before the superblock: if interrupted there, the partition would look
	# like the previous system.
	if ! wipefs -q -a "$rootfs" || ! sync "$rootfs"; then
		fail_on_partition "$name" "$rootfs cannot be written to"
	fi
	# Without checksums: the kernel mounts the root file system without a prior repair, and would refuse it
	# after a power cut while the superblock is written.
	mkfs.ext4 -q -F -O ^metadata_csum -L rootfs -m 1 -E nodiscard "$rootfs" ||
		fail_on_partition "$name" "No file system can be created on $rootfs"
	mkdir -p /run/rootfs
	mount -t ext4 -o noatime "$rootfs" /run/rootfs || fail_on_partition "$name" "$rootfs cannot be mounted"
	say "Unpacking the system to $rootfs"
	unpack_slot "$2" /run/rootfs || fail "The system cannot be unpacked to $rootfs"
}

# mount_data PARTITION: mounts it at /run/data, where a failed attempt may have left it mounted.
mount_data() {
	mkdir -p /run/data
	! mountpoint -q /run/data || umount /run/data
	mount -t ext4 -o noatime "$1" /run/data
}

# copy_settings DISK: copies factory settings, and settings made in the rescue system, to sda2. Keeps
# existing ones.
copy_settings() {
	name=$(partition_of "$1" 2)
	data=/dev/$name
	say "Copying settings to $data"
	mount_data "$data" || fail_on_partition "$name" "$data cannot be mounted"
	mkdir -p /run/data/system /run/data/apps
	copy_missing "$SETTINGS" /run/data/system || fail "$data cannot be written to"
	umount /run/data || fail_on_partition "$name" "$data cannot be unmounted"
}

# finish_rootfs DISK SLOT: writes everything to the disk, checks it, then writes the mark of a complete
# installation.
finish_rootfs() {
	name=$(partition_of "$1" 3)
	rootfs=/dev/$name
	say "Writing everything to $rootfs and checking it"
	umount /run/rootfs || fail_on_partition "$name" "$rootfs cannot be unmounted"
	e2fsck -f -n "$rootfs" >/run/e2fsck.log 2>&1 ||
		fail_on_partition "$name" "$rootfs is damaged, see /run/e2fsck.log"
	mount -t ext4 "$rootfs" /run/rootfs || fail_on_partition "$name" "$rootfs cannot be mounted"
	compare_slot "$2" /run/rootfs >/run/compare.log 2>&1 ||
		fail "$rootfs does not hold what was written: the disk has errors, see dmesg and" \
			"/run/compare.log. Replace the disk"
	replace_file "/run/rootfs/$INSTALLED" <"$BOOT/$2/SHA256SUMS" || fail "$rootfs cannot be written to"
	umount /run/rootfs
}

# keep_log DISK LOG: copies the log to sda2 for the installed system. Ignores a full disk.
keep_log() {
	data=/dev/$(partition_of "$1" 2)
	if mount_data "$data"; then
		replace_file /run/data/apps/install_step1.log <"$2" || say "The log cannot be saved: $data is full"
		umount /run/data
	fi
}

enlarge_data_file_system() {
	name=$(partition_of "$1" 2)
	data=/dev/$name
	say "Checking the file system on $data"
	repair_data "$data" -f || fail_on_partition "$name" \
		"The data file system is damaged: repair it with e2fsck -f -y $data, then retry"
	say "Enlarging the file system on $data"
	# If the file system is mounted, the kernel enlarges it with its journal: after a power cut, the next
	# start repairs it without help.
	mount_data "$data" || fail_on_partition "$name" "$data cannot be mounted"
	enlarged=
	! resize2fs "$data" || enlarged=yes
	umount /run/data || fail_on_partition "$name" "$data cannot be unmounted"
	[ -n "$enlarged" ] || fail "The file system on $data cannot be enlarged"
}
