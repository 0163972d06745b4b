# shellcheck shell=sh
# The reset to the state of the factory: nothing that was set or stored stays.

# What the image brought. S00mount keeps it before the settings on the disk take its place.
FACTORY_SETTINGS=/run/factory-settings

# confirm_reset DISK: only somebody at a terminal can say yes; no script does it by mistake.
confirm_reset() {
	[ -t 0 ] || fail "A reset has to be confirmed at a terminal; nothing is changed"
	cat <<-END

		This ERASES everything on the data partition of /dev/$1: databases, apps, logs,
		settings, addresses, passwords and keys. It cannot be undone. A disk that
		cannot make zeros by itself is written over from beginning to end.

	END
	printf 'Type ERASE to go on, anything else to stop: '
	read -r answer || answer=
	[ "$answer" = ERASE ] || fail "Not confirmed; nothing is changed"
}

# Stands in the first sector of the data, where ext4 has nothing, until all is erased.
RESET_MARK="App Platform: erase"

# end_data DISK: makes an end of the old file system, and marks the partition: whatever happens from here
# on, the data are erased. By the second superblock a damaged file system is told from none, therefore
# it goes first: a cut in between leaves the data as they were.
end_data() {
	data=/dev/$(partition_of "$1" 2)
	! mountpoint -q /run/data || umount /run/data
	printf '%s\n' "$RESET_MARK" | dd of="$data" conv=fsync,notrunc 2>/run/dd.log ||
		fail "$data cannot be written to"
	# The second is at the beginning of its block; the first 1 KiB behind the mark, which stays.
	for place in "131072 4" "1 3"; do
		# shellcheck disable=SC2086 # two words
		set -- $place
		dd if=/dev/zero of="$data" bs=1024 seek="$1" count="$2" conv=fsync,notrunc 2>/run/dd.log ||
			fail "$data cannot be written to"
	done
}

# erasure_due DISK: as long as one of the two superblocks is there, the data were not given up, and the mark is
# of a reset that was cut before.
erasure_due() {
	data=/dev/$(partition_of "$1" 2)
	[ "$(dd if="$data" bs=512 count=1 2>/dev/null | head -n 1 | tr -d '\0')" = "$RESET_MARK" ] &&
		[ -z "$(blkid -p -s TYPE -o value "$data")" ] && ! has_lost_superblock "$data"
}

# erase DISK: nobody reads what was in the files, the memory on the swap partition included. Once more from the
# beginning after a cut.
erase() {
	say "Erasing the old data: on a disk that cannot do it by itself, it takes as long as writing all of it"
	! mountpoint -q /run/rootfs || umount /run/rootfs
	erase_partition "$(partition_of "$1" 4)" 0
	erase_partition "$(partition_of "$1" 3)" 0
	data=$(partition_of "$1" 2)
	erase_partition "$data" $((1024 * 1024))
	blkdiscard --force --zeroout --length 1MiB "/dev/$data" || fail_about "$data" "/dev/$data cannot be erased"
}

# erase_partition NAME OFFSET: what is read from there on is zeros. The kernel asks the disk to make them, and
# writes them where it cannot.
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
		END { if (NR == 0) exit 1 }' || fail_about "$1" "/dev/$1 cannot be erased"
}

# The settings in RAM are those of the old system.
forget_settings() {
	say "Forgetting the settings"
	rm -rf "${SETTINGS:?}"/*
	cp -pPR "$FACTORY_SETTINGS/." "$SETTINGS/" ||
		fail "The factory's settings cannot be restored"
}
