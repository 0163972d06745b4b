# shellcheck shell=sh
# Whether a set of files is complete and comes from whom this system trusts.
# Wants service.sh and boot-loader.sh.

KEYS=/etc/app-platform-keys
OWN_RELEASE=/etc/app-platform-release

# verify_set SLOT: ends the program where something is wrong.
verify_set() {
	sums=$BOOT/$1/SHA256SUMS
	say "Verifying the files in $BOOT/$1"
	[ -f "$sums" ] || fail "There is no set of files in $BOOT/$1"
	is_signed "$sums" ||
		fail "$sums is not signed by a key that this system trusts (those in $KEYS)"
	while read -r sum name; do
		echo "$sum  $(file_of_set "$1" "$name")"
	done <"$sums" >/run/set.sha256
	sha256sum -c /run/set.sha256 >/run/set.log 2>&1 || {
		grep -v ': OK$' /run/set.log >&2 || true
		fail "The files in $BOOT/$1 are damaged"
	}
	target=$(sed -n 's/^TARGET=//p' "$BOOT/$1/release")
	own_target=$(sed -n 's/^TARGET=//p' "$OWN_RELEASE")
	[ "$target" = "$own_target" ] ||
		fail "The files in $BOOT/$1 are for $target, this machine is $own_target"
}

# is_signed FILE: by FILE.minisig and one of the keys.
is_signed() {
	for key in "$KEYS"/*.pub; do
		! minisign -V -q -p "$key" -m "$1" >/dev/null 2>&1 || return 0
	done
	return 1
}

# check_room SLOT BYTES: whether sda3, with so many bytes, can hold the system. Asked before the one
# that is there gives way.
check_room() {
	archive=$(file_of_set "$1" rootfs.tar.xz)
	needed=$(unpacked_bytes "$archive")
	[ "${needed:-0}" -gt 0 ] || fail "$archive does not tell how large it is"
	[ "$needed" -le "$2" ] ||
		fail "The system in $BOOT/$1 needs $((needed / 1048576)) MiB, sda3 has $(($2 / 1048576)) MiB"
}

# unpacked_bytes ARCHIVE: what xz has noted at its end.
unpacked_bytes() {
	xz --robot --list "$1" | awk '$1 == "totals" { print $5 }'
}
