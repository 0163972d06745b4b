# shellcheck shell=sh
# Compares the installed system on sda3 with the signed files of the slot on sda1 that it was
# installed from. Reads only: no disk is changed. Wants service.sh, boot-disk.sh,
# boot-loader.sh, verify-set.sh, update-result.sh, install-state.sh.
. /usr/lib/app-platform/compare-system.sh

SHOWN_NAMES=20
REINSTALL="/home/root/install.sh log.txt"

# verify_system DISK LOG: prints what is missing, changed or extra. Returns 0 when sda3 and its slot
# are as they were signed, 1 when something differs, 2 when that cannot be determined.
verify_system() {
	log=$2
	: >"$log"
	mkdir -p "$COMPARED"
	rm -f "$COMPARED"/*
	if ! mountpoint -q "$BOOT"; then
		tell "sda1 is not mounted, there is nothing to compare with: /etc/init.d/S01disk restart"
		return 2
	fi
	system=different
	sda3=$(partition_of "$1" 3) || sda3=
	was_mounted_at=$(mounted_at "$sda3")
	if [ -z "$sda3" ]; then
		tell "/dev/$1 has no sda3: the partition table has lost it, or nothing is installed yet."
	elif mount_to_look "$sda3" "$LOOK"; then
		system=mounted
	elif users=$(users_of "$sda3"); then
		tell "sda3 cannot be compared, because it is in use: $users. End that and verify again."
		return 2
	else
		tell "sda3 holds no file system that can be mounted."
	fi
	choose_slot && check_slot && compare
	conclude_verification
}

end_verification() {
	! mountpoint -q "$LOOK" || umount "$LOOK"
}

# choose_slot: the one that sda3 was installed from; when none is known, the one that would be installed.
choose_slot() {
	for slot in a b; do
		[ "$system" != mounted ] || ! cmp -s "$LOOK/$INSTALLED" "$BOOT/$slot/SHA256SUMS" || return 0
	done
	reason=$(slot_to_install) || {
		tell "There is nothing on sda1 to compare with: $reason."
		slot=
		return 1
	}
	slot=$reason
	[ "$system" = mounted ] || return 0
	if [ -e "$LOOK/$INSTALLED" ]; then
		tell "sda3 was installed from another version than those on sda1, or its mark is damaged."
	else
		tell "sda3 has no mark of a completed installation."
	fi
	tell "It is compared with slot $slot, which would be installed."
	system=unmarked
}

# check_slot: fails when sda3 cannot be compared with it.
check_slot() {
	version="slot $slot on sda1"
	tell "Checking $version"
	slot_faults "$slot" >"$COMPARED/faults"
	if [ ! -s "$COMPARED/faults" ]; then
		version="slot $slot (version $(release_of "$slot" VERSION), build $(release_of "$slot" BUILD))"
		tell "The files of $version are complete and signed."
		return 0
	fi
	tell "The files of $version are damaged:"
	list_names faults
	! grep -q -e SHA256SUMS -e rootfs.tar.xz "$COMPARED/faults"
}

# slot_faults SLOT: what is wrong with the files of a slot, one a line.
slot_faults() {
	sums=$BOOT/$1/SHA256SUMS
	if [ ! -f "$sums" ]; then
		echo "$sums is missing"
		return 0
	elif ! is_signed "$sums"; then
		echo "$sums is changed, or its signature $sums.minisig is"
		return 0
	fi
	while read -r sum name; do
		file=$(file_of_set "$1" "$name")
		if [ ! -f "$file" ]; then
			echo "$BOOT/$1/$name is missing"
		elif ! echo "$sum  $file" | sha256sum -c >/dev/null 2>&1; then
			echo "$file is changed or cannot be read"
		fi
	done <"$sums"
}

compare() {
	case $system in
	mounted | unmarked) ;;
	*) return 0 ;;
	esac
	tell "Comparing sda3 (/dev/$sda3) with $version; this takes a minute"
	if ! compare_system "$slot" "$LOOK"; then
		tell "The comparison failed: $(tail -n 1 "$COMPARED/complaints")"
		system=unknown
		return 0
	fi
	tell_difference missing "Missing on sda3" " of $(count files) files and directories"
	tell_difference changed "Changed on sda3"
	tell_difference extra "On sda3, but not part of the system"
	if [ "$system" = mounted ] && [ "$(count missing) $(count changed) $(count extra)" = "0 0 0" ]; then
		system=equal
	else
		system=different
	fi
}

# tell_difference KIND TITLE [OF_ALL]
tell_difference() {
	[ "$(count "$1")" -gt 0 ] || return 0
	tell "$2 ($(count "$1")${3:-}):"
	list_names "$1"
}

count() {
	echo $(($(wc -l <"$COMPARED/$1")))
}

conclude_verification() {
	faults=$(cat "$COMPARED/faults" 2>/dev/null) || faults=
	case $system in
	equal) tell "sda3 equals $version." ;;
	different) tell_journal ;;
	*)
		system=unknown
		tell "Whether sda3 is as it was installed cannot be determined."
		;;
	esac
	if [ -n "$faults" ] || [ -z "$slot" ]; then
		advise_on_slot "${slot:-a}"
	elif [ "$system" != equal ]; then
		tell "sda3 differs: reinstall the system with $REINSTALL; data on sda2 are kept."
	fi
	case $system in
	equal) [ -z "$faults" ] ;;
	different) return 1 ;;
	*) return 2 ;;
	esac
}

# advise_on_slot SLOT: an update file is an archive of what a slot holds.
advise_on_slot() {
	tell "The system cannot be reinstalled from slot $1. Put its files back from the update file of this"
	tell "version; on another computer type:"
	tell "  ssh root@ADDRESS tar -x -C $BOOT/$1 <UPDATE_FILE"
	tell "Then verify again."
}

# What the last start wrote and a power cut kept in the journal is not seen without replaying it.
tell_journal() {
	[ -n "$sda3" ] && [ -z "$was_mounted_at" ] || return 0
	! dumpe2fs -h "/dev/$sda3" 2>/dev/null | grep -q '^Filesystem features:.* needs_recovery' ||
		tell "The journal of sda3 is not replayed yet. First type e2fsck -p /dev/sda3, then verify again."
}

# list_names KIND: the first ones here, all in the log.
list_names() {
	total=$(count "$1")
	sed 's/^/  /' "$COMPARED/$1" >>"$log"
	head -n $SHOWN_NAMES "$COMPARED/$1" | sed 's/^/  /'
	[ "$total" -le $SHOWN_NAMES ] || echo "  and $((total - SHOWN_NAMES)) more, see $log"
}

tell() {
	echo "$*" | tee -a "$log"
}
