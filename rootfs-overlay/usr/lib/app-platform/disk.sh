# shellcheck shell=sh
# Disks and their partitions. Nothing depends on what the kernel calls a disk.

# partition_of DISK NUMBER: the name of a partition (sda2, nvme0n1p2); fails when there is none.
partition_of() {
	for entry in "/sys/class/block/$1/$1"*; do
		if [ "$(cat "$entry/partition" 2>/dev/null)" = "$2" ]; then
			basename "$entry"
			return 0
		fi
	done
	return 1
}

# partition_bytes NAME
partition_bytes() {
	echo $(($(cat "/sys/class/block/$1/size") * 512))
}

# The disk that holds the root file system.
disk_of_root() {
	device=$(mountpoint -d /)
	basename "$(readlink -f "/sys/dev/block/$device/..")"
}

# The documents name the partitions /dev/sda1 to /dev/sda4: so do we on every controller.
# A real other disk of that name keeps it. link_names DISK
link_names() {
	[ "$1" != sda ] && { [ -L /dev/sda ] || [ ! -b /dev/sda ]; } || return 0
	ln -sfn "$1" /dev/sda
	for number in 1 2 3 4; do
		name=$(partition_of "$1" "$number") || name=
		if [ -n "$name" ]; then
			ln -sfn "$name" "/dev/sda$number"
		else
			rm -f "/dev/sda$number"
		fi
	done
}

# repair_data PARTITION [-f]: repairs what nobody has to decide on. A power cut in the middle of
# writing the first superblock leaves one that is not valid; the second, hardly ever written, is.
repair_data() {
	e2fsck -p ${2:+"$2"} "$1" && return 0
	[ $? -gt 2 ] || return 0
	! dumpe2fs -h "$1" >/dev/null 2>&1 || return 1
	echo "Repairing it by its second superblock"
	e2fsck -p -b 32768 -B 4096 "$1" && return 0
	[ $? -gt 2 ] || return 0
	# In the middle of a resize it has played the journal back, a valid first superblock with it, and
	# then stumbled over the one that it knew.
	e2fsck -p -f "$1" || [ $? -le 2 ]
}

# repair_boot PARTITION: sda1 has no journal. What a power cut leaves there is half of a new set, which
# does not count; the set in use is not written to.
repair_boot() {
	case $(blkid -p -s TYPE -o value "$1") in
	ext*)
		e2fsck -p "$1" >/dev/null || [ $? -le 2 ] || e2fsck -f -y "$1" >/dev/null || [ $? -le 2 ]
		;;
	vfat) fsck.vfat -a "$1" >/dev/null || [ $? -le 1 ] ;;
	esac
}

# The value of KEY=VALUE on the kernel's command line.
kernel_argument() {
	tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p" | tail -n 1
}

# The console=… of the kernel's command line, each with a blank after it.
console_arguments() {
	tr ' ' '\n' </proc/cmdline | sed -n '/^console=/p' | tr '\n' ' '
}
