# shellcheck shell=sh
# Checks before a disk is changed.

# check_not_in_use DISK: an admin may have mounted sda2 or sda3.
check_not_in_use() {
	# A failed attempt may have left these mounted.
	for mount_point in /run/data /run/rootfs "$INSPECTION_MOUNT"; do
		! mountpoint -q "$mount_point" || umount "$mount_point" || true
	done
	for number in 2 3; do
		! name=$(partition_of "$1" $number) || check_free "$name"
	done
}

# check_free PARTITION: fails with the partition's users, if there are any.
check_free() {
	! users=$(users_of "$1") || fail "/dev/$1 is in use: $users. Unmount it or end the process, then retry"
}

# fail_on_partition PARTITION MESSAGE...: fails with the partition's users, or, without users, with the
# message.
fail_on_partition() {
	check_free "$1"
	shift
	fail "$*"
}

# check_not_shrunk DISK: the kernel truncates or ignores partitions beyond the end of the disk; the table
# still has their original size.
check_not_shrunk() {
	end=$(table_end "$1")
	have=$(disk_sectors "$1")
	[ "${end:-0}" -gt "$have" ] || return 0
	say "/dev/$1 has $((have / SECTORS_PER_MIB)) MiB, but its partitions need $(sectors_to_mib "$end") MiB"
	fail "The disk was made smaller than its partitions; nothing is changed. Enlarge the virtual" \
		"disk to $(sectors_to_mib "$end") MiB or more, then restart"
}

# table_end DISK: prints the first sector after the last partition of the table.
table_end() {
	sfdisk --dump "/dev/$1" 2>/dev/null |
		sed -n 's/.* : start= *\([0-9]*\), size= *\([0-9]*\).*/\1 \2/p' |
		awk '$1 + $2 > end { end = $1 + $2 } END { printf "%.0f\n", end }'
}

# sectors_to_mib SECTORS: rounds up.
sectors_to_mib() {
	echo $((($1 + SECTORS_PER_MIB - 1) / SECTORS_PER_MIB))
}
