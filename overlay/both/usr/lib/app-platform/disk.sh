# shellcheck shell=sh
# Disks and their partitions. Nothing depends on the kernel's name of a disk.
. /usr/lib/app-platform/layout.sh

# partition_of DISK NUMBER: prints the name of a partition (sda2, nvme0n1p2); fails if there is none.
partition_of() {
	for entry in "/sys/class/block/$1/$1"*; do
		{ read -r number <"$entry/partition"; } 2>/dev/null || continue
		[ "$number" = "$2" ] || continue
		echo "${entry##*/}"
		return 0
	done
	return 1
}

# partition_bytes NAME
partition_bytes() {
	echo $(($(cat "/sys/class/block/$1/size") * 512))
}

# is_mounted DIRECTORY: whether it is a mount point.
is_mounted() {
	while read -r _ mount_point _; do
		[ "$mount_point" != "$1" ] || return 0
	done </proc/mounts
	return 1
}

# Prints the disk that holds the root file system.
disk_of_root() {
	while read -r _ _ device _ mount_point _; do
		[ "$mount_point" != / ] || root=$device
	done </proc/self/mountinfo
	disk=$(readlink -f "/sys/dev/block/$root/..")
	echo "${disk##*/}"
}

# link_names DISK: makes the documented names /dev/sda1 to /dev/sda4 work on every controller. Another
# disk that is really called sda keeps its name.
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

# repair_data PARTITION [-f]: repairs what needs no decision. A power cut while the first superblock is
# written leaves it invalid; the second, which is hardly ever written, stays valid.
repair_data() {
	e2fsck -p ${2:+"$2"} "$1" && return 0
	[ $? -gt 2 ] || return 0
	! dumpe2fs -h "$1" >/dev/null 2>&1 || return 1
	echo "Repairing it by its second superblock"
	e2fsck -p -b 32768 -B 4096 "$1" && return 0
	[ $? -gt 2 ] || return 0
	# After an interrupted resize, that run replayed the journal, which contains a valid first superblock,
	# and then failed because of the second, older one.
	e2fsck -p -f "$1" || [ $? -le 2 ]
}

# repair_boot PARTITION: sda1 has no journal. An interrupted write there affects only the slot that is
# being filled; the slot in use is never written to.
repair_boot() {
	case $BOOT_FILE_SYSTEM in
	ext2)
		e2fsck -p "$1" >/dev/null || [ $? -le 2 ] || e2fsck -f -y "$1" >/dev/null || [ $? -le 2 ]
		;;
	vfat) fsck.vfat -a "$1" >/dev/null || [ $? -le 1 ] ;;
	esac
}

# boot_is_sound PARTITION: changes nothing, so the partition may be mounted read-only.
boot_is_sound() {
	case $BOOT_FILE_SYSTEM in
	ext2) e2fsck -f -n "$1" >/dev/null 2>&1 ;;
	vfat) fsck.vfat -n "$1" >/dev/null 2>&1 ;;
	esac
}

# holders_of PARTITION: prints the mounts and processes that prevent unmounting and checking a file system,
# one per line. Includes mounts in other mount namespaces.
holders_of() {
	number=$(cat "/sys/class/block/$1/dev")
	awk -v number="$number" '$3 == number { print "mounted on " $5 }' /proc/self/mountinfo
	own=$(readlink /proc/self/ns/mnt)
	grep -lE "^[0-9]+ [0-9]+ $number " /proc/[0-9]*/mountinfo 2>/dev/null | {
		seen=$own
		while IFS=/ read -r _ _ process _; do
			namespace=$(readlink "/proc/$process/ns/mnt" 2>/dev/null) || continue
			case " $seen " in
			*" $namespace "*) continue ;;
			esac
			seen="$seen $namespace"
			echo "mounted by $(process_name "$process") in a mount namespace of its own"
		done
	}
	# stat prints a device number as one decimal number.
	major=${number%:*}
	minor=${number#*:}
	device=$(((minor & 255) | (major << 8) | ((minor & ~255) << 12)))
	printf '%s\0' /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe /proc/[0-9]*/fd/* |
		xargs -0 stat -L -c '%d %n' 2>/dev/null |
		awk -v device="$device" '
			$1 == device {
				split($2, part, "/")
				if (!(part[3] in found)) { found[part[3]] = 1; print part[3], $2 }
			}' |
		while read -r process link; do
			path=$(readlink "$link" 2>/dev/null) || continue
			case $link in
			*/cwd) echo "$(process_name "$process") has its working directory in $path" ;;
			*) echo "$(process_name "$process") has $path open" ;;
			esac
		done
}

# Joins the lines of standard input with semicolons.
join_lines() {
	awk 'NR > 1 { printf "; " } { printf "%s", $0 }'
}

# process_name PID: prints the process with its command name, for messages.
process_name() {
	echo "process $1 ($(tr -d '[:cntrl:]' <"/proc/$1/comm" 2>/dev/null || echo gone))"
}

# kernel_argument KEY: prints the value of KEY=VALUE on the kernel's command line.
kernel_argument() (
	read -r line </proc/cmdline
	value=
	set -f
	for word in $line; do
		case $word in
		"$1="*) value=${word#*=} ;;
		esac
	done
	[ -z "$value" ] || echo "$value"
)

# Prints the console=… arguments of the kernel's command line, each followed by a blank.
console_arguments() {
	tr ' ' '\n' </proc/cmdline | sed -n '/^console=/p' | tr '\n' ' '
}
