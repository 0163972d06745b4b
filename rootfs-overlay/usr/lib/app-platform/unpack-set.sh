# shellcheck shell=sh
# The system of a set, unpacked from sda1 into a folder. Wants service.sh and boot-loader.sh.

# unpack_set SLOT FOLDER: shows its progress; fails when the folder does not get everything.
unpack_set() {
	rm -f /run/unpack.failed
	{
		{ pv -n "$(file_of_set "$1" rootfs.tar.xz)" 2>&3 | xz -dc || touch /run/unpack.failed; } |
			tar -x --ignore-zeros --numeric-owner -p -C "$2" || touch /run/unpack.failed
	} 3>&1 | show_progress
	[ ! -e /run/unpack.failed ] && copy_common_files "$1" "$2"
}

# copy_common_files SLOT FOLDER: the archive leaves out what the ramdisk of the same set has anyway.
copy_common_files() {
	! copy_common_files_from / "$2" >/dev/null || return 0
	say "The set's own ramdisk has the rest"
	# In a file on the disk: small machines have no room for a second one in RAM.
	xz -dc "$(file_of_set "$1" ramdisk.ext2.xz)" >"$2/ramdisk.ext2" &&
		mkdir -p /run/ramdisk &&
		mount -t ext4 -o ro,loop,noload "$2/ramdisk.ext2" /run/ramdisk || return 1
	copied=
	! copy_common_files_from /run/ramdisk "$2" || copied=yes
	umount /run/ramdisk
	rm "$2/ramdisk.ext2"
	[ -n "$copied" ]
}

# copy_common_files_from RAMDISK FOLDER
copy_common_files_from() {
	common=$2/usr/lib/app-platform/common.sha256
	sed 's/^[0-9a-f]*  //' "$common" >/run/common-files || return 1
	tar -c -C "$1" --no-recursion -T /run/common-files | tar -x -p -C "$2" || return 1
	(cd "$2" && sha256sum -c "$common") >/run/common-files.log 2>&1 || {
		grep -v ': OK$' /run/common-files.log
		return 1
	}
}

# compare_set SLOT FOLDER: whether the folder has what the set has; for a file system that was just
# mounted, so that the disk is read. A failed write comes to light long after a program has handed
# its data to the kernel, and busybox's `sync -f` does not tell of it.
compare_set() {
	rm -f /run/compare.failed
	{ xz -dc "$(file_of_set "$1" rootfs.tar.xz)" || touch /run/compare.failed; } |
		tar --compare --ignore-zeros --numeric-owner -C "$2" || touch /run/compare.failed
	[ ! -e /run/compare.failed ] &&
		(cd "$2" && sha256sum -c usr/lib/app-platform/common.sha256 >/dev/null)
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
