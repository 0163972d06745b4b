# shellcheck shell=sh
# What must hold before a disk is changed.

# check_not_in_use DISK: an admin may have mounted sda2 or sda3 to look into it.
check_not_in_use() {
	# Where an attempt that failed may have left them.
	for place in /run/data /run/rootfs "$LOOK"; do
		! mountpoint -q "$place" || umount "$place" || true
	done
	for number in 2 3; do
		! name=$(partition_of "$1" $number) || check_free "$name"
	done
}

# check_free PARTITION: fails with who uses it.
check_free() {
	! users=$(users_of "$1") || fail "/dev/$1 is in use: $users. End that and try again"
}

# fail_about PARTITION MESSAGE...: fails with who uses the partition; with the message when nobody does.
fail_about() {
	check_free "$1"
	shift
	fail "$*"
}

# check_not_shrunk DISK: the kernel shortens partitions that end behind the end of their disk,
# or leaves them out; the table tells what they were.
check_not_shrunk() {
	end=$(table_end "$1")
	have=$(disk_sectors "$1")
	[ "${end:-0}" -gt "$have" ] || return 0
	say "/dev/$1 has $((have / SECTORS_PER_MIB)) MiB, but its partitions need $(mib_to_hold "$end") MiB"
	fail "The disk was made smaller than what is on it; nothing is changed. Enlarge the virtual" \
		"disk to $(mib_to_hold "$end") MiB or more again, then restart"
}

# table_end DISK: the first sector after the last partition of the table.
table_end() {
	sfdisk --dump "/dev/$1" 2>/dev/null |
		sed -n 's/.* : start= *\([0-9]*\), size= *\([0-9]*\).*/\1 \2/p' |
		awk '$1 + $2 > end { end = $1 + $2 } END { printf "%.0f\n", end }'
}

# mib_to_hold SECTORS
mib_to_hold() {
	echo $((($1 + SECTORS_PER_MIB - 1) / SECTORS_PER_MIB))
}
