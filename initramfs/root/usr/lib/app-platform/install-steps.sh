# shellcheck shell=sh
# The steps of an installation after the partitions. Each may be repeated at any time.

# The label comes last: a file system that has it is complete and holds data, and is kept.
make_data_file_system() {
	data=/dev/$(partition_of "$1" 2)
	if is_data_file_system "$1" || has_lost_superblock "$data"; then
		say "Keeping the data on $data; checking the file system"
		repair_data "$data" ||
			fail "The data file system is broken: repair it with e2fsck -f -y $data, then restart"
		return 0
	fi
	say "Making the data file system on $data"
	mkfs.ext4 -q -F -m 1 -E nodiscard "$data" || fail "No file system can be made on $data"
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
	swap=/dev/$(partition_of "$1" 4)
	[ "$(blkid -p -s LABEL -o value "$swap")" != swap ] || return 0
	say "Making swap on $swap"
	mkswap -q -L swap "$swap" || fail "No swap can be made on $swap"
}

# unpack_rootfs DISK SLOT: into a new file system, so that nothing old is left.
unpack_rootfs() {
	rootfs=/dev/$(partition_of "$1" 3)
	say "Making the root file system on $rootfs"
	! mountpoint -q /run/rootfs || umount /run/rootfs
	mkfs.ext4 -q -F -L rootfs -m 1 -E nodiscard "$rootfs" ||
		fail "No file system can be made on $rootfs"
	mkdir -p /run/rootfs
	mount -t ext4 -o noatime "$rootfs" /run/rootfs || fail "$rootfs cannot be mounted"
	say "Unpacking the system to $rootfs"
	rm -f /run/unpack.failed
	{
		{ pv -n "$(file_of_set "$2" rootfs.tar.xz)" 2>&3 | xz -dc || touch /run/unpack.failed; } |
			tar -x --ignore-zeros --numeric-owner -p -C /run/rootfs || touch /run/unpack.failed
	} 3>&1 | show_progress
	[ ! -e /run/unpack.failed ] || fail "The system cannot be unpacked to $rootfs"
	copy_common_files "$2" || fail "The system cannot be completed on $rootfs"
}

# copy_common_files SLOT: the archive leaves out what the ramdisk of the same set has anyway.
copy_common_files() {
	! copy_common_files_from / >/dev/null || return 0
	say "The set's own ramdisk has the rest"
	# In a file on the disk: small machines have no room for a second one in RAM.
	xz -dc "$(file_of_set "$1" ramdisk.ext2.xz)" >/run/rootfs/ramdisk.ext2 &&
		mkdir -p /run/ramdisk &&
		mount -t ext4 -o ro,loop,noload /run/rootfs/ramdisk.ext2 /run/ramdisk || return 1
	copied=
	! copy_common_files_from /run/ramdisk || copied=yes
	umount /run/ramdisk
	rm /run/rootfs/ramdisk.ext2
	[ -n "$copied" ]
}

# copy_common_files_from RAMDISK
copy_common_files_from() {
	common=/run/rootfs/usr/lib/app-platform/common.sha256
	sed 's/^[0-9a-f]*  //' $common >/run/common-files || return 1
	tar -c -C "$1" --no-recursion -T /run/common-files | tar -x -p -C /run/rootfs || return 1
	(cd /run/rootfs && sha256sum -c $common) >/run/common-files.log 2>&1 || {
		grep -v ': OK$' /run/common-files.log
		return 1
	}
}

# Reads pv's percentages, one a second, and shows every tenth.
show_progress() {
	next=10
	while read -r percent; do
		[ "$percent" -ge $next ] || continue
		say "  $percent %"
		next=$((percent / 10 * 10 + 10))
	done
}

# mount_data PARTITION: at /run/data, where an attempt that failed may have left it.
mount_data() {
	mkdir -p /run/data
	! mountpoint -q /run/data || umount /run/data
	mount -t ext4 -o noatime "$1" /run/data
}

# copy_settings DISK: factory settings, and what was set in rescue before. Never over existing.
copy_settings() {
	data=/dev/$(partition_of "$1" 2)
	say "Copying settings to $data"
	mount_data "$data" || fail "$data cannot be mounted"
	mkdir -p /run/data/system /run/data/apps
	copy_missing "$SETTINGS" /run/data/system || fail "$data cannot be written to"
	umount /run/data
}

# finish_rootfs DISK SET_FOLDER: all on the disk and checked, then the mark of completeness.
finish_rootfs() {
	rootfs=/dev/$(partition_of "$1" 3)
	say "Writing everything to $rootfs and checking it"
	umount /run/rootfs || fail "$rootfs cannot be written to"
	e2fsck -f -n "$rootfs" >/run/e2fsck.log 2>&1 || fail "$rootfs is damaged, see /run/e2fsck.log"
	mount -t ext4 "$rootfs" /run/rootfs
	replace_file "/run/rootfs/$INSTALLED" <"$2/SHA256SUMS" || fail "$rootfs cannot be written to"
	umount /run/rootfs
}

# keep_log DISK LOG: puts the log on sda2, where the system has it.
keep_log() {
	data=/dev/$(partition_of "$1" 2)
	mount_data "$data" || fail "$data cannot be mounted"
	replace_file /run/data/apps/install_step1.log <"$2" || fail "$data cannot be written to"
	umount /run/data
}

enlarge_data_file_system() {
	data=/dev/$(partition_of "$1" 2)
	say "Checking the file system on $data"
	repair_data "$data" -f || fail "Repair the file system first: e2fsck -f -y $data"
	say "Enlarging the file system on $data"
	# Mounted, it is the kernel that enlarges it, with its journal: a power cut leaves nothing that
	# the next start cannot put in order by itself.
	mount_data "$data" || fail "$data cannot be mounted"
	enlarged=
	! resize2fs "$data" || enlarged=yes
	umount /run/data || fail "$data cannot be written to"
	[ -n "$enlarged" ] || fail "The file system on $data cannot be enlarged"
}
