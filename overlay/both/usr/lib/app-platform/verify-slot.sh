# shellcheck shell=sh
# Verifies that the system image in a slot is complete and signed by a trusted key.
# Needs service.sh and boot-loader.sh.

KEYS=/etc/app-platform-keys
OWN_RELEASE=/etc/app-platform-release

# verify_slot SLOT: ends the script with the reason if the slot is not valid.
verify_slot() {
	sums=$BOOT/$1/SHA256SUMS
	say "Verifying the files in $BOOT/$1"
	[ -f "$sums" ] || fail "Slot $1 is empty: there is no $sums"
	is_signed "$sums" ||
		fail "$sums is not signed by a key that this system trusts (those in $KEYS)"
	while read -r sum name; do
		echo "$sum  $(slot_file "$1" "$name")"
	done <"$sums" >/run/set.sha256
	sha256sum -c /run/set.sha256 >/run/set.log 2>&1 || {
		grep -v ': OK$' /run/set.log >&2 || true
		fail "The files in $BOOT/$1 are damaged"
	}
	target=$(sed -n 's/^TARGET=//p' "$BOOT/$1/release")
	own_target=$(sed -n 's/^TARGET=//p' "$OWN_RELEASE")
	[ "$target" = "$own_target" ] ||
		fail "The system in $BOOT/$1 is for $target, this machine is $own_target"
}

# is_signed FILE: whether FILE.minisig is its signature by one of the trusted keys.
is_signed() {
	for key in "$KEYS"/*.pub; do
		! minisign -V -q -p "$key" -m "$1" >/dev/null 2>&1 || return 0
	done
	return 1
}

# check_room SLOT BYTES: fails unless the system fits into sda3 with that many bytes. Called before the
# installed system is deleted.
check_room() {
	archive=$(slot_file "$1" rootfs.tar.xz)
	needed=$(unpacked_bytes "$archive")
	[ "${needed:-0}" -gt 0 ] || fail "The unpacked size of $archive is unknown: it is not a valid archive"
	[ "$needed" -le "$2" ] ||
		fail "The system in $BOOT/$1 needs $((needed / 1048576)) MiB, sda3 has $(($2 / 1048576)) MiB"
}

# unpacked_bytes ARCHIVE: prints the size from the archive's index.
unpacked_bytes() {
	xz --robot --list "$1" | awk '$1 == "totals" { print $5 }'
}
