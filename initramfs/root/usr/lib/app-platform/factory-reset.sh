# shellcheck shell=sh
# The reset to the state of the factory: nothing that was set or stored stays.

# What the image brought. S00mount keeps it before the settings on the disk take its place.
FACTORY_SETTINGS=/run/factory-settings

# confirm_reset DISK: only somebody at a terminal can say yes; no script does it by mistake.
confirm_reset() {
	[ -t 0 ] || fail "A reset has to be confirmed at a terminal; nothing is changed"
	cat <<-END

		This ERASES everything on the data partition of /dev/$1: databases, apps, logs,
		settings, addresses, passwords and keys. It cannot be undone.

	END
	printf 'Type ERASE to go on, anything else to stop: '
	read -r answer || answer=
	[ "$answer" = ERASE ] || fail "Not confirmed; nothing is changed"
}

# erase_data DISK: makes an end of the old file system; the installation makes a new one. By the
# second superblock a damaged file system is told from none, therefore it goes first: a cut
# in between leaves the data as they were.
erase_data() {
	data=/dev/$(partition_of "$1" 2)
	say "Erasing the data on $data"
	! mountpoint -q /run/data || umount /run/data
	for block in 32768 0; do
		dd if=/dev/zero of="$data" bs=4096 seek=$block count=1 conv=fsync 2>/run/dd.log ||
			fail "$data cannot be written to"
	done
}

# The settings in RAM are those of the old system.
forget_settings() {
	say "Forgetting the settings"
	rm -rf "${SETTINGS:?}"/*
	cp -pPR "$FACTORY_SETTINGS/." "$SETTINGS/" ||
		fail "The factory's settings cannot be restored"
}
