# shellcheck shell=sh
# The partitions of an installed disk. The data partition, sda2, is last on the disk, so that it can grow.
# layout.sh is generated from partitioning/layout.ts.
. /usr/lib/app-platform/layout.sh

# partition_table_of DISK_SECTORS SDA1_END: prints lines `NUMBER START SIZE TYPE` in sectors; prints nothing
# and fails if the disk is too small.
partition_table_of() {
	[ "$1" -ge "$(min_disk "$2")" ] || return 1
	start=$(align_up "$2")
	end=$(usable_end "$1")
	echo "$INSTALLED_PARTITIONS" | while read -r number size type; do
		[ "$size" != rest ] || size=$(((end - start) / ALIGNMENT * ALIGNMENT))
		echo "$number $start $size $type"
		start=$((start + size))
	done
}

# min_disk SDA1_END: prints the sectors of the smallest disk.
min_disk() {
	echo $(($(align_up "$1") + MIN_INSTALLED))
}

align_up() {
	echo $((($1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT))
}

# usable_end DISK_SECTORS: prints the first sector that no partition can use.
usable_end() {
	[ "$1" -le "$MAX_DISK" ] || set -- "$MAX_DISK"
	echo "$1"
}

disk_sectors() {
	cat "/sys/block/$1/size"
}

# boot_partition_end DISK: prints the first sector after sda1.
boot_partition_end() {
	entry=/sys/class/block/$(partition_of "$1" 1)
	echo $(($(cat "$entry/start") + $(cat "$entry/size")))
}

# partition_name DISK NUMBER: prints the kernel's name for a partition that does not exist yet.
partition_name() {
	case $1 in
	*[0-9]) echo "${1}p$2" ;;
	*) echo "$1$2" ;;
	esac
}

check_disk_size() {
	boot_end=$(boot_partition_end "$1")
	min=$(sectors_to_mib "$(min_disk "$boot_end")")
	have=$(($(disk_sectors "$1") / SECTORS_PER_MIB))
	say "/dev/$1 has $have MiB, at least $min MiB are needed"
	[ "$have" -ge "$min" ] ||
		fail "The disk is too small: enlarge the virtual disk to $min MiB or more and restart"
}

# report_unused_space DISK: for a disk that is larger than an MBR can address.
report_unused_space() {
	have=$(disk_sectors "$1")
	[ "$have" -gt $((MAX_DISK + ALIGNMENT)) ] || return 0
	say "Only the first $((MAX_DISK / SECTORS_PER_MIB)) MiB (2 TiB) of the $((have / SECTORS_PER_MIB)) MiB of" \
		"/dev/$1 are used, because its MBR partition table cannot address more: a disk of 2 TiB is enough"
}

# make_partitions DISK: adds those of the partitions 2 to 4 that are missing; the others are not changed. A
# lost entry is restored at its old position, with its data.
make_partitions() {
	table=$(partition_table_of "$(disk_sectors "$1")" "$(boot_partition_end "$1")") ||
		fail "The disk is too small"
	missing=$(echo "$table" | while read -r number start size type; do
		name=$(partition_of "$1" "$number") || {
			echo "/dev/$(partition_name "$1" "$number") : start=$start, size=$size, type=$type"
			continue
		}
		[ "$(cat "/sys/class/block/$name/start")" = "$start" ] || exit 1
	done) || fail "/dev/$1 has partitions that are not ours; nothing is changed"
	if [ -z "$missing" ]; then
		say "/dev/$1 is partitioned already"
		return 0
	fi
	say "Partitioning /dev/$1"
	rewrite_partitions "$1" "$missing"
}

# rewrite_partitions DISK LINES: writes the table; the lines, in sfdisk's format, replace those of the same
# partitions. sda1 does not move, but must be unmounted: the kernel rereads a table only while nothing on
# the disk is mounted.
rewrite_partitions() {
	old=$(sfdisk --dump "/dev/$1") || fail "The partition table of /dev/$1 cannot be read"
	for number in 2 3 4; do
		! name=$(partition_of "$1" $number) || check_free "$name"
	done
	boot_partition=$(partition_of "$1" 1)
	umount /mnt/sda1 || fail_on_partition "$boot_partition" "/dev/$boot_partition cannot be unmounted"
	if (
		# The old table without the replaced lines.
		echo "$old" | grep -vF "$(echo "$2" | sed 's/ : .*/ :/')"
		echo "$2"
	) | sfdisk --quiet --wipe never --wipe-partitions never "/dev/$1" >/dev/null; then
		rewritten=yes
	else
		rewritten=
	fi
	/etc/init.d/S01disk restart >/dev/null || fail "The boot partition cannot be mounted again"
	[ -n "$rewritten" ] || fail "The partition table of /dev/$1 cannot be written"
}

enlarge_data_partition() {
	entry=/sys/class/block/$(partition_of "$1" 2)
	start=$(cat "$entry/start")
	end=$(usable_end "$(disk_sectors "$1")")
	size=$(((end - start) / ALIGNMENT * ALIGNMENT))
	if [ $size -le "$(cat "$entry/size")" ]; then
		say "The data partition reaches to the end of the usable part of /dev/$1 already"
		return 0
	fi
	for number in 1 3 4; do
		[ "$(cat "/sys/class/block/$(partition_of "$1" $number)/start")" -lt "$start" ] ||
			fail "The data partition is not the last on /dev/$1"
	done
	say "Enlarging the data partition to $((size / SECTORS_PER_MIB)) MiB"
	rewrite_partitions "$1" "/dev/$(partition_name "$1" 2) : start=$start, size=$size, type=83"
}
