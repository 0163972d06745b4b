# shellcheck shell=sh
# Whether a set of files is complete and comes from whom this system trusts.
# Wants service.sh and boot-loader.sh.

KEYS=/etc/app-platform-keys

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
	own_target=$(sed -n 's/^TARGET=//p' /etc/app-platform-release)
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
