# shellcheck shell=sh
# Unpacks the system image of a slot on sda1. Needs service.sh and boot-loader.sh.

# unpack_slot SLOT DIRECTORY: shows its progress; fails unless the directory gets everything.
unpack_slot() {
	rm -f /run/unpack.failed
	{
		{ pv -n "$(slot_file "$1" rootfs.tar.xz)" 2>&3 | xz -dc || touch /run/unpack.failed; } |
			tar -x --ignore-zeros --numeric-owner -p -C "$2" || touch /run/unpack.failed
	} 3>&1 | show_progress
	[ ! -e /run/unpack.failed ] && copy_common_files "$1" "$2"
}

# copy_common_files SLOT DIRECTORY: copies the files that the archive leaves out because the rescue system
# of the same slot has them. The running one has the same files if it is of the same version.
copy_common_files() {
	! copy_common_files_from / "$2" >/dev/null || return 0
	say "Copying the remaining files from the slot's rescue system"
	# Unpacked to the disk: small machines have no room for a second one in RAM.
	xz -dc "$(slot_file "$1" ramdisk.ext2.xz)" >"$2/ramdisk.ext2" &&
		mkdir -p /run/ramdisk &&
		mount -t ext4 -o ro,loop,noload "$2/ramdisk.ext2" /run/ramdisk || return 1
	copied=
	! copy_common_files_from /run/ramdisk "$2" || copied=yes
	umount /run/ramdisk
	rm "$2/ramdisk.ext2"
	[ -n "$copied" ]
}

# copy_common_files_from ROOT DIRECTORY
copy_common_files_from() {
	common=$2/usr/lib/app-platform/common.sha256
	sed 's/^[0-9a-f]*  //' "$common" >/run/common-files || return 1
	tar -c -C "$1" --no-recursion -T /run/common-files | tar -x -p -C "$2" || return 1
	(cd "$2" && sha256sum -c "$common") >/run/common-files.log 2>&1 || {
		grep -v ': OK$' /run/common-files.log
		return 1
	}
}

# compare_slot SLOT DIRECTORY: whether the directory equals the slot's system. The file system must have
# been mounted just before, so that the disk is read: a write may fail long after the program passed its
# data to the kernel, and busybox's `sync -f` does not report that.
compare_slot() {
	rm -f /run/compare.failed
	{ xz -dc "$(slot_file "$1" rootfs.tar.xz)" || touch /run/compare.failed; } |
		tar --compare --ignore-zeros --numeric-owner -C "$2" || touch /run/compare.failed
	[ ! -e /run/compare.failed ] &&
		(cd "$2" && sha256sum -c usr/lib/app-platform/common.sha256 >/dev/null)
}

# Reads pv's percentages, one per second, and shows one per 10 %.
show_progress() {
	next=10
	while read -r percent; do
		[ "$percent" -ge $next ] || continue
		say "  $percent %"
		next=$((percent / 10 * 10 + 10))
	done
}
