# shellcheck shell=sh
# The steps of an installation after the partitions. Each may be repeated at any time.

# The label comes last: a file system that has it is complete and holds data, and is kept.
make_data_file_system() {
	name=$(partition_of "$1" 2)
	data=/dev/$name
	if is_data_file_system "$1" || has_lost_superblock "$data"; then
		say "Keeping the data on $data; checking the file system"
		repair_data "$data" || fail_about "$name" \
			"The data file system is damaged: repair it with e2fsck -f -y $data, then restart"
		return 0
	fi
	say "Making the data file system on $data"
	mkfs.ext4 -q -F -m 1 -E nodiscard "$data" || fail_about "$name" "No file system can be made on $data"
	sync
	e2label "$data" data
	sync
}

# has_lost_superblock PARTITION: whether the first superblock is not valid, but the second says
# that there are data. e2label writes the first after the others: one that is in order and has
# no label was about to be finished when the power failed, and holds nothing yet.
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
	say "Making swap on $swap"
	mkswap -q -L swap "$swap" || fail_about "$name" "No swap can be made on $swap"
}

# unpack_rootfs DISK SLOT: into a new file system, so that nothing old is left.
unpack_rootfs() {
	name=$(partition_of "$1" 3)
	rootfs=/dev/$name
	say "Making the root file system on $rootfs"
	! mountpoint -q /run/rootfs || umount /run/rootfs || fail_about "$name" "$rootfs cannot be unmounted"
	# mkfs.ext4 writes elsewhere first: cut off there, it would leave what passes for the system before.
	if ! wipefs -q -a "$rootfs" || ! sync "$rootfs"; then
		fail_about "$name" "$rootfs cannot be written to"
	fi
	# Without checksums: the kernel itself mounts this one, without help, and would refuse it for ever
	# after a power cut in the middle of writing the superblock.
	mkfs.ext4 -q -F -O ^metadata_csum -L rootfs -m 1 -E nodiscard "$rootfs" ||
		fail_about "$name" "No file system can be made on $rootfs"
	mkdir -p /run/rootfs
	mount -t ext4 -o noatime "$rootfs" /run/rootfs || fail_about "$name" "$rootfs cannot be mounted"
	say "Unpacking the system to $rootfs"
	unpack_set "$2" /run/rootfs || fail "The system cannot be unpacked to $rootfs"
}

# mount_data PARTITION: at /run/data, where an attempt that failed may have left it.
mount_data() {
	mkdir -p /run/data
	! mountpoint -q /run/data || umount /run/data
	mount -t ext4 -o noatime "$1" /run/data
}

# copy_settings DISK: factory settings, and what was set in rescue before. Never over existing.
copy_settings() {
	name=$(partition_of "$1" 2)
	data=/dev/$name
	say "Copying settings to $data"
	mount_data "$data" || fail_about "$name" "$data cannot be mounted"
	mkdir -p /run/data/system /run/data/apps
	copy_missing "$SETTINGS" /run/data/system || fail "$data cannot be written to"
	umount /run/data || fail_about "$name" "$data cannot be unmounted"
}

# finish_rootfs DISK SLOT: all on the disk and checked, then the mark of completeness.
finish_rootfs() {
	name=$(partition_of "$1" 3)
	rootfs=/dev/$name
	say "Writing everything to $rootfs and checking it"
	umount /run/rootfs || fail_about "$name" "$rootfs cannot be unmounted"
	e2fsck -f -n "$rootfs" >/run/e2fsck.log 2>&1 ||
		fail_about "$name" "$rootfs is damaged, see /run/e2fsck.log"
	mount -t ext4 "$rootfs" /run/rootfs || fail_about "$name" "$rootfs cannot be mounted"
	compare_set "$2" /run/rootfs >/run/compare.log 2>&1 ||
		fail "$rootfs does not hold what was written: the disk has errors, see dmesg and" \
			"/run/compare.log. Replace the disk"
	replace_file "/run/rootfs/$INSTALLED" <"$BOOT/$2/SHA256SUMS" || fail "$rootfs cannot be written to"
	umount /run/rootfs
}

# keep_log DISK LOG: puts the log on sda2, where the system has it. A full disk does not hold the rest up.
keep_log() {
	data=/dev/$(partition_of "$1" 2)
	if mount_data "$data"; then
		replace_file /run/data/apps/install_step1.log <"$2" || say "The log is not kept: $data is full"
		umount /run/data
	fi
}

enlarge_data_file_system() {
	name=$(partition_of "$1" 2)
	data=/dev/$name
	say "Checking the file system on $data"
	repair_data "$data" -f || fail_about "$name" \
		"The data file system is damaged: repair it with e2fsck -f -y $data, then try again"
	say "Enlarging the file system on $data"
	# Mounted, it is the kernel that enlarges it, with its journal: a power cut leaves nothing that
	# the next start cannot put in order by itself.
	mount_data "$data" || fail_about "$name" "$data cannot be mounted"
	enlarged=
	! resize2fs "$data" || enlarged=yes
	umount /run/data || fail_about "$name" "$data cannot be unmounted"
	[ -n "$enlarged" ] || fail "The file system on $data cannot be enlarged"
}
