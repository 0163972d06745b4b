# shellcheck shell=sh
# The factory reset: deletes all settings and data.

# The image's settings. S00mount saves them before S01disk replaces them by the settings on the disk.
FACTORY_SETTINGS=/run/factory-settings

# confirm_reset DISK: requires a terminal, so that no script confirms by mistake.
confirm_reset() {
	[ -t 0 ] || fail "A factory reset must be confirmed at a terminal; nothing is changed"
	cat <<-END

		This ERASES everything on the data partition of /dev/$1: databases, apps, logs,
		settings, addresses, passwords and keys. It cannot be undone. A disk that
		cannot write zeros by itself is overwritten completely.

	END
	printf 'Type ERASE to continue, anything else to stop: '
	read -r answer || answer=
	[ "$answer" = ERASE ] || fail "Not confirmed; nothing is changed"
}

# In the first sector of the data partition, which ext4 does not use, until everything is erased.
RESET_MARK="App Platform: erase"

# invalidate_data DISK: marks the partition, then overwrites both superblocks. From then on, the data are
# erased in any case. The second superblock, which identifies a damaged file system, is overwritten first:
# after an interruption in between, the data are unchanged.
invalidate_data() {
	data=/dev/$(partition_of "$1" 2)
	! mountpoint -q /run/data || umount /run/data
	printf '%s\n' "$RESET_MARK" | dd of="$data" conv=fsync,notrunc 2>/run/dd.log ||
		fail "$data cannot be written to"
	# The second superblock is at the beginning of its block; the first is 1 KiB behind the mark.
	for offset_and_count in "131072 4" "1 3"; do
		# shellcheck disable=SC2086 # two words
		set -- $offset_and_count
		dd if=/dev/zero of="$data" bs=1024 seek="$1" count="$2" conv=fsync,notrunc 2>/run/dd.log ||
			fail "$data cannot be written to"
	done
}

# is_erasure_due DISK: whether there is a mark and no superblock. With a superblock, the mark is of a reset
# that was interrupted before it invalidated the data.
is_erasure_due() {
	data=/dev/$(partition_of "$1" 2)
	[ "$(dd if="$data" bs=512 count=1 2>/dev/null | head -n 1 | tr -d '\0')" = "$RESET_MARK" ] &&
		[ -z "$(blkid -p -s TYPE -o value "$data")" ] && ! has_lost_superblock "$data"
}

# erase DISK: overwrites all data, including memory contents on the swap partition. After an interruption,
# it starts from the beginning.
erase() {
	say "Erasing the old data: takes as long as writing the whole disk, unless the disk can write zeros by itself"
	! mountpoint -q /run/rootfs || umount /run/rootfs
	erase_partition "$(partition_of "$1" 4)" 0
	erase_partition "$(partition_of "$1" 3)" 0
	data=$(partition_of "$1" 2)
	erase_partition "$data" $((1024 * 1024))
	blkdiscard --force --zeroout --length 1MiB "/dev/$data" || fail_on_partition "$data" "/dev/$data cannot be erased"
}

# erase_partition NAME OFFSET: fills the partition with zeros from the offset. The kernel asks the disk to
# write them, or writes them itself if the disk cannot.
erase_partition() {
	{
		blkdiscard --force --zeroout --verbose --step 256MiB --offset "$2" "/dev/$1" 2>&1 || echo FAILED
	} | awk -v name="$1" -v bytes="$(partition_bytes "$1")" '
		/FAILED/ { exit 1 }
		/Operation forced/ { next }
		!/Zero-filled/ { print; next }
		# "/dev/sda2: Zero-filled 1048576 bytes from the offset 0"
		{
			percent = int(($3 + $8) / bytes * 10) * 10
			if (percent > said && percent < 100) print "Erasing /dev/" name ": " percent " %"
			said = percent
		}
		END { if (NR == 0) exit 1 }' || fail_on_partition "$1" "/dev/$1 cannot be erased"
}

# Replaces the old system's settings in RAM by the factory settings.
reset_settings() {
	say "Restoring the factory settings"
	rm -rf "${SETTINGS:?}"/*
	cp -pPR "$FACTORY_SETTINGS/." "$SETTINGS/" ||
		fail "The factory settings cannot be restored"
}
