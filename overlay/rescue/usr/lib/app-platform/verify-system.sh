# shellcheck shell=sh
# Compares the installed system on sda3 with the signed files of the slot on sda1 from which it was
# installed. Does not change any disk. Needs service.sh, boot-disk.sh, boot-loader.sh, verify-slot.sh,
# update-result.sh and install-state.sh.
. /usr/lib/app-platform/compare-system.sh

SHOWN_NAMES=20
REINSTALL="/home/root/install.sh log.txt"

# verify_system DISK LOG: prints missing, changed and extra files. Returns 0 if sda3 and its slot are
# unchanged, 1 if something differs, 2 if that cannot be determined.
verify_system() {
	log=$2
	: >"$log"
	mkdir -p "$COMPARED"
	rm -f "$COMPARED"/*
	if ! mountpoint -q "$BOOT"; then
		print_and_log "sda1 is not mounted, there is nothing to compare with. Mount it: /etc/init.d/S01disk restart"
		return 2
	fi
	system=different
	sda3=$(partition_of "$1" 3) || sda3=
	was_mounted_at=$(mounted_at "$sda3")
	if [ -z "$sda3" ]; then
		print_and_log "/dev/$1 has no sda3: its entry in the partition table is lost, or nothing is installed yet."
	elif mount_for_inspection "$sda3" "$INSPECTION_MOUNT"; then
		system=mounted
	elif users=$(users_of "$sda3"); then
		print_and_log "sda3 cannot be compared, because it is in use: $users. Unmount it or end the process, then verify again."
		return 2
	else
		print_and_log "sda3 holds no file system that can be mounted."
	fi
	choose_slot && check_slot && compare
	conclude_verification
}

end_verification() {
	! mountpoint -q "$INSPECTION_MOUNT" || umount "$INSPECTION_MOUNT"
}

# Sets $slot to the slot from which sda3 was installed; if it is unknown, to the one that would be
# installed.
choose_slot() {
	for slot in a b; do
		[ "$system" != mounted ] || ! cmp -s "$INSPECTION_MOUNT/$INSTALLED" "$BOOT/$slot/SHA256SUMS" || return 0
	done
	reason=$(slot_to_install) || {
		print_and_log "There is nothing on sda1 to compare with: $reason."
		slot=
		return 1
	}
	slot=$reason
	[ "$system" = mounted ] || return 0
	if [ -e "$INSPECTION_MOUNT/$INSTALLED" ]; then
		print_and_log "sda3 was installed from another version than those on sda1, or its installation mark is damaged."
	else
		print_and_log "sda3 has no mark of a completed installation."
	fi
	print_and_log "It is compared with slot $slot, which would be installed."
	system=unmarked
}

# Fails if sda3 cannot be compared with the slot.
check_slot() {
	version="slot $slot on sda1"
	print_and_log "Checking $version"
	slot_faults "$slot" >"$COMPARED/faults"
	if [ ! -s "$COMPARED/faults" ]; then
		version="slot $slot (version $(release_of "$slot" VERSION), build $(release_of "$slot" BUILD))"
		print_and_log "The files of $version are complete and signed."
		return 0
	fi
	print_and_log "The files of $version are damaged:"
	list_names faults
	! grep -q -e SHA256SUMS -e rootfs.tar.xz "$COMPARED/faults"
}

# slot_faults SLOT: prints the faults of the slot's files, one per line.
slot_faults() {
	sums=$BOOT/$1/SHA256SUMS
	if [ ! -f "$sums" ]; then
		echo "$sums is missing"
		return 0
	elif ! is_signed "$sums"; then
		echo "$sums or its signature $sums.minisig is changed"
		return 0
	fi
	while read -r sum name; do
		file=$(slot_file "$1" "$name")
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
	print_and_log "Comparing sda3 (/dev/$sda3) with $version; this takes a minute"
	if ! compare_system "$slot" "$INSPECTION_MOUNT"; then
		print_and_log "The comparison failed: $(tail -n 1 "$COMPARED/complaints")"
		system=unknown
		return 0
	fi
	report_difference missing "Missing on sda3" " of $(count files) files and directories"
	report_difference changed "Changed on sda3"
	report_difference extra "On sda3, but not part of the system"
	if [ "$system" = mounted ] && [ "$(count missing) $(count changed) $(count extra)" = "0 0 0" ]; then
		system=equal
	else
		system=different
	fi
}

# report_difference KIND TITLE [OF_ALL]
report_difference() {
	[ "$(count "$1")" -gt 0 ] || return 0
	print_and_log "$2 ($(count "$1")${3:-}):"
	list_names "$1"
}

count() {
	echo $(($(wc -l <"$COMPARED/$1")))
}

conclude_verification() {
	faults=$(cat "$COMPARED/faults" 2>/dev/null) || faults=
	case $system in
	equal) print_and_log "sda3 equals $version." ;;
	different) report_journal ;;
	*)
		system=unknown
		print_and_log "Whether sda3 was changed cannot be determined."
		;;
	esac
	if [ -n "$faults" ] || [ -z "$slot" ]; then
		advise_on_slot "${slot:-a}"
	elif [ "$system" != equal ]; then
		print_and_log "sda3 differs: reinstall the system with $REINSTALL; data on sda2 are kept."
	fi
	case $system in
	equal) [ -z "$faults" ] ;;
	different) return 1 ;;
	*) return 2 ;;
	esac
}

# advise_on_slot SLOT: an update file is an archive of a slot's files.
advise_on_slot() {
	print_and_log "The system cannot be reinstalled from slot $1. Restore its files from the update file of this"
	print_and_log "version; on another computer type:"
	print_and_log "  ssh root@ADDRESS tar -x -C $BOOT/$1 <UPDATE_FILE"
	print_and_log "Then verify again."
}

# Without a replay, the comparison does not see the last writes before a power cut, which are only in the
# journal.
report_journal() {
	[ -n "$sda3" ] && [ -z "$was_mounted_at" ] || return 0
	! dumpe2fs -h "/dev/$sda3" 2>/dev/null | grep -q '^Filesystem features:.* needs_recovery' ||
		print_and_log "The journal of sda3 has not been replayed. First type e2fsck -p /dev/sda3, then verify again."
}

# list_names KIND: prints the first names, and writes all of them to the log.
list_names() {
	total=$(count "$1")
	sed 's/^/  /' "$COMPARED/$1" >>"$log"
	head -n $SHOWN_NAMES "$COMPARED/$1" | sed 's/^/  /'
	[ "$total" -le $SHOWN_NAMES ] || echo "  and $((total - SHOWN_NAMES)) more, see $log"
}

print_and_log() {
	echo "$*" | tee -a "$log"
}
