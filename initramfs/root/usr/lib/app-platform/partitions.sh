# shellcheck shell=sh
# The partitions of an installed disk. On the disk they follow as 1, 3, 4, 2, so that the data
# partition is last and can grow. The same sizes are in partitioning/layout.ts.

ROOTFS_MIB=500
SWAP_MIB=512
LEAST_DATA_MIB=1024
SECTORS_PER_MIB=2048
# What an MBR can address, less the last MiB.
MOST_SECTORS=4294965248

# partition_table_of DISK_SECTORS SDA1_END: the lines `NUMBER START SIZE TYPE` in sectors of
# 512 bytes, or nothing and failure when the disk is too small.
partition_table_of() {
	most=$1
	[ "$most" -le $MOST_SECTORS ] || most=$MOST_SECTORS
	rootfs_start=$((($2 + SECTORS_PER_MIB - 1) / SECTORS_PER_MIB * SECTORS_PER_MIB))
	swap_start=$((rootfs_start + ROOTFS_MIB * SECTORS_PER_MIB))
	data_start=$((swap_start + SWAP_MIB * SECTORS_PER_MIB))
	data_size=$(((most - data_start) / SECTORS_PER_MIB * SECTORS_PER_MIB))
	[ $data_size -ge $((LEAST_DATA_MIB * SECTORS_PER_MIB)) ] || return 1
	echo "3 $rootfs_start $((swap_start - rootfs_start)) 83"
	echo "4 $swap_start $((data_start - swap_start)) 82"
	echo "2 $data_start $data_size 83"
}

# least_disk_mib SDA1_END
least_disk_mib() {
	echo $((($1 + SECTORS_PER_MIB - 1) / SECTORS_PER_MIB + ROOTFS_MIB + SWAP_MIB + LEAST_DATA_MIB))
}

disk_sectors() {
	cat "/sys/block/$1/size"
}

# The first sector after sda1.
boot_partition_end() {
	entry=/sys/class/block/$(partition_of "$1" 1)
	echo $(($(cat "$entry/start") + $(cat "$entry/size")))
}

# partition_name DISK NUMBER: what the kernel will call a partition that is not there yet.
partition_name() {
	case $1 in
	*[0-9]) echo "${1}p$2" ;;
	*) echo "$1$2" ;;
	esac
}

check_disk_size() {
	boot_end=$(boot_partition_end "$1")
	least=$(least_disk_mib "$boot_end")
	have=$(($(disk_sectors "$1") / SECTORS_PER_MIB))
	say "/dev/$1 has $have MiB, at least $least MiB are needed"
	[ "$have" -ge "$least" ] ||
		fail "The disk is too small: enlarge the virtual disk to $least MiB or more and restart"
}

# tell_unused_space DISK: of a disk that is larger than an MBR can address.
tell_unused_space() {
	have=$(disk_sectors "$1")
	[ "$have" -gt $((MOST_SECTORS + SECTORS_PER_MIB)) ] || return 0
	say "Only the first $((MOST_SECTORS / SECTORS_PER_MIB)) MiB (2 TiB) of the $((have / SECTORS_PER_MIB)) MiB of" \
		"/dev/$1 are used, because its MBR partition table cannot address more: a disk of 2 TiB is enough"
}

# Adds those of the partitions 2 to 4 that are missing; the first and what is there are not touched.
# A lost entry gets its place again, and with it what is on the disk there.
make_partitions() {
	table=$(partition_table_of "$(disk_sectors "$1")" "$(boot_partition_end "$1")") ||
		fail "The disk is too small"
	missing=$(echo "$table" | while read -r number start size type; do
		name=$(partition_of "$1" "$number") || {
			echo "/dev/$(partition_name "$1" "$number") : start=$start, size=$size, type=$type"
			continue
		}
		[ "$(cat "/sys/class/block/$name/start")" = "$start" ] || exit 1
	done) || fail "/dev/$1 has partitions that are not ours; it is left alone"
	if [ -z "$missing" ]; then
		say "/dev/$1 is partitioned already"
		return 0
	fi
	say "Partitioning /dev/$1"
	rewrite_partitions "$1" "$missing"
}

# rewrite_partitions DISK LINES: writes the table with the lines in sfdisk's form in place of
# those of the same partitions. sda1 lies where it lay, but the kernel reads a table again only
# when nothing of the disk is mounted.
rewrite_partitions() {
	old=$(sfdisk --dump "/dev/$1") || fail "The partition table of /dev/$1 cannot be read"
	for number in 2 3 4; do
		! name=$(partition_of "$1" $number) || check_free "$name"
	done
	boot_partition=$(partition_of "$1" 1)
	umount /mnt/sda1 || fail_about "$boot_partition" "/dev/$boot_partition cannot be unmounted"
	if (
		# The old table without the partitions that are given anew.
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
	most=$(disk_sectors "$1")
	[ "$most" -le $MOST_SECTORS ] || most=$MOST_SECTORS
	size=$(((most - start) / SECTORS_PER_MIB * SECTORS_PER_MIB))
	if [ $size -le "$(cat "$entry/size")" ]; then
		say "The data partition reaches to the end of what can be used of /dev/$1 already"
		return 0
	fi
	for number in 1 3 4; do
		[ "$(cat "/sys/class/block/$(partition_of "$1" $number)/start")" -lt "$start" ] ||
			fail "The data partition is not the last on /dev/$1"
	done
	say "Enlarging the data partition to $((size / SECTORS_PER_MIB)) MiB"
	rewrite_partitions "$1" "/dev/$(partition_name "$1" 2) : start=$start, size=$size, type=83"
}
