#!/bin/sh
# install.sh LOGFILE          installs the system of the slot in use, or of an update
# install.sh LOGFILE resize   enlarges the data partition to the end of an enlarged disk
# install.sh LOGFILE factory  erases all data and settings after a confirmation, then installs the system
# install.sh LOGFILE verify   compares the installed system with the signed files on sda1
#
# `verify` changes nothing and exits with 0 if they are equal, 1 if they differ, 2 if that cannot be
# determined. The others restart the machine on success. Each step first checks the current state: after
# an interruption at any point, simply repeat the command. Only `factory` deletes data on sda2.
set -eu
. /usr/lib/app-platform/service.sh
. /usr/lib/app-platform/settings.sh
. /usr/lib/app-platform/boot-disk.sh
. /usr/lib/app-platform/boot-loader.sh
. /usr/lib/app-platform/verify-slot.sh
. /usr/lib/app-platform/unpack-slot.sh
. /usr/lib/app-platform/update-result.sh
. /usr/lib/app-platform/time-limit.sh
. /usr/lib/app-platform/install-state.sh
. /usr/lib/app-platform/partitions.sh
. /usr/lib/app-platform/disk-checks.sh
. /usr/lib/app-platform/install-steps.sh
. /usr/lib/app-platform/factory-reset.sh
. /usr/lib/app-platform/verify-system.sh

# Updates the boot menu, once the log ends with `finished`.
finish_work() {
	[ "$work" != resize ] || return 0
	keep_log "$disk" "$log"
	# shellcheck disable=SC2046 # words
	set -- $(update_state)
	case $1 in
	install | try)
		say "Preparing the trial boot of the new system"
		set_boot_state rescue "$(boot_slot)" "try $2 0" || fail "$MENU cannot be changed"
		;;
	undo)
		say "The update is rolled back; making the previous system the default entry of the boot menu"
		set_boot_state system "$(boot_slot)" none || fail "$MENU cannot be changed"
		;;
	none)
		say "Making the system the default entry of the boot menu"
		set_default_entry system || fail "$MENU cannot be changed"
		;;
	esac
}

install() {
	check_preconditions
	make_rescue_default
	install_system
}

factory() {
	check_preconditions
	make_rescue_default
	invalidate_data "$disk"
	reset_settings
	install_system
}

# Makes all checks before the system and its data are changed.
check_preconditions() {
	slot=$(slot_to_install) || fail "$slot"
	limit "$VERIFY_SECONDS" "Verifying"
	verify_slot "$slot"
	say "Installing App Platform $(release_of "$slot" VERSION) (build $(release_of "$slot" BUILD)) on /dev/$disk"
	check_not_in_use "$disk"
	check_not_shrunk "$disk"
	check_disk_size "$disk"
	report_unused_space "$disk"
	make_partitions "$disk"
	check_room "$slot" "$(partition_bytes "$(partition_of "$disk" 3)")"
}

# Makes an interrupted installation restart in the rescue system, which repeats it. Deletes the mark of the
# installed system first: after an interruption in between, the machine would stay in the rescue system.
make_rescue_default() {
	default=$(default_entry) || fail "The first line of $MENU does not name our default entry"
	[ "$(installed_state "$disk" "$BOOT/$slot")" = absent ] || clear_installed_mark "$disk"
	[ "$default" != rescue ] || return 0
	say "Making the rescue system the default entry of the boot menu until the system is installed"
	set_default_entry rescue || fail "$MENU cannot be changed"
}

install_system() {
	if is_erasure_due "$disk"; then
		limit "$ERASE_SECONDS" "Erasing"
		erase "$disk"
	fi
	limit "$CHECK_SECONDS" "Checking the data"
	make_data_file_system "$disk"
	make_swap "$disk"
	limit "$UNPACK_SECONDS" "Unpacking"
	unpack_rootfs "$disk" "$slot"
	limit "$WRITE_SECONDS" "Writing"
	copy_settings "$disk"
	finish_rootfs "$disk" "$slot"
}

resize() {
	check_not_in_use "$disk"
	check_not_shrunk "$disk"
	report_unused_space "$disk"
	is_data_file_system "$disk" || has_lost_superblock "/dev/$(partition_of "$disk" 2)" ||
		fail "There is no data partition on /dev/$disk to enlarge"
	enlarge_data_partition "$disk"
	enlarge_data_file_system "$disk"
}

# Writes standard input to the log, all consoles and the caller's terminal.
to_log_and_consoles() {
	case $(tty) in
	/dev/pts/*) tee -a "$log" "$(tty)" | to_consoles ;;
	*) tee -a "$log" | to_consoles ;;
	esac
}

# run FUNCTION: ends the script if it fails. Does not use `"$1" || …`, because `set -e` does not apply
# within a condition.
run() {
	rm -f /run/install.done
	(
		"$1"
		touch /run/install.done
	) 2>&1 | to_log_and_consoles
	[ -e /run/install.done ] || give_up
}

give_up() {
	to_log_and_consoles <<-END

		*** This FAILED. The next attempt is at the next start.
		*** The log is $log; log in as root to read it.
	END
	exit 1
}

print_usage() {
	echo "usage: $0 LOGFILE [resize|factory|verify]" >&2
	exit 2
}

# Many times what the slowest machine needs.
: "${VERIFY_SECONDS:=300}" "${ERASE_SECONDS:=86400}" "${CHECK_SECONDS:=7200}" "${UNPACK_SECONDS:=1200}" "${WRITE_SECONDS:=600}"
log=${1:-}
work=${2:-install}
case $#,$work in
1,install | 2,resize | 2,factory) ;;
2,verify)
	# 1 would mean that the verification found a difference.
	# shellcheck disable=SC2034 # fail uses it
	FAIL_STATUS=2
	;;
*) print_usage ;;
esac
# A working directory on sda2 or sda3 would prevent unmounting them.
case $log in
/*) ;;
*) log=$PWD/$log ;;
esac
cd /
[ "$(id -u)" = 0 ] || fail "Only root can do this; become root with: su root"
disk=$(cat /run/boot-disk 2>/dev/null) || disk=$(find_boot_disk) || fail "$disk"
[ "$work" != factory ] || confirm_reset "$disk"
# A closed terminal must not interrupt the work.
[ "$work" = verify ] || trap '' HUP INT PIPE
mkdir /run/install.lock 2>/dev/null || fail "$0 is already running"
trap 'no_limit; end_verification; rmdir /run/install.lock' EXIT
wait_for_decision

if [ "$work" = verify ]; then
	trap 'exit 2' HUP INT PIPE TERM
	verify_system "$disk" "$log"
	exit
fi
: >"$log"
run "$work"
echo finished | to_log_and_consoles
run finish_work
no_limit
echo "Restarting" | to_consoles
reboot
