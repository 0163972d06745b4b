#!/bin/sh
# install.sh LOGFILE          installs the system of the chosen set on the disk
# install.sh LOGFILE resize   enlarges the data partition to the end of an enlarged disk
# install.sh LOGFILE factory  erases all data and settings and installs anew, when confirmed
# install.sh LOGFILE verify   compares the installed system with the signed files on sda1
#
# `verify` changes nothing and exits with 0 when they are equal, 1 when they differ, 2 when that
# cannot be determined. The others restart the machine when they have succeeded. Every step looks
# first at what is there: after a cut at any moment the work can simply be started again. But for
# `factory`, data on sda2 is never lost.
set -eu
. /usr/lib/app-platform/service.sh
. /usr/lib/app-platform/settings.sh
. /usr/lib/app-platform/boot-disk.sh
. /usr/lib/app-platform/boot-loader.sh
. /usr/lib/app-platform/verify-set.sh
. /usr/lib/app-platform/unpack-set.sh
. /usr/lib/app-platform/update-result.sh
. /usr/lib/app-platform/time-limit.sh
. /usr/lib/app-platform/install-state.sh
. /usr/lib/app-platform/partitions.sh
. /usr/lib/app-platform/disk-checks.sh
. /usr/lib/app-platform/install-steps.sh
. /usr/lib/app-platform/factory-reset.sh
. /usr/lib/app-platform/verify-system.sh

# What is done once the log ends with `finished`.
conclude() {
	[ "$work" != resize ] || return 0
	keep_log "$disk" "$log"
	# shellcheck disable=SC2046 # words
	set -- $(update_state)
	case $1 in
	install | try)
		say "The new system starts on trial"
		set_boot_state rescue "$(boot_slot)" "try $2 0" || fail "$MENU cannot be changed"
		;;
	undo)
		say "The system before the update is the default entry of the boot menu again"
		set_boot_state system "$(boot_slot)" none || fail "$MENU cannot be changed"
		;;
	none)
		say "Making the system the default entry of the boot menu"
		set_default_entry system || fail "$MENU cannot be changed"
		;;
	esac
}

install() {
	check_before
	hold_rescue
	put_system
}

factory() {
	check_before
	hold_rescue
	end_data "$disk"
	forget_settings
	put_system
}

# What can be refused is refused here, where the system and its data are as they were.
check_before() {
	slot=$(slot_to_install) || fail "$slot"
	limit "$VERIFY_SECONDS" "Verifying"
	verify_set "$slot"
	say "Installing App Platform $(release_of "$slot" VERSION) (build $(release_of "$slot" BUILD)) on /dev/$disk"
	check_not_in_use "$disk"
	check_not_shrunk "$disk"
	check_disk_size "$disk"
	tell_unused_space "$disk"
	make_partitions "$disk"
	check_room "$slot" "$(partition_bytes "$(partition_of "$disk" 3)")"
}

# From here on a cut must end in this ramdisk, which then begins again. First the installed
# system is no complete one any more, or a cut in between would leave the machine in rescue.
hold_rescue() {
	default=$(default_entry) || fail "The first line of $MENU does not name our default entry"
	[ "$(installed_state "$disk" "$BOOT/$slot")" = absent ] || forget_installed "$disk"
	[ "$default" != rescue ] || return 0
	say "Making rescue the default entry of the boot menu until the system is installed"
	set_default_entry rescue || fail "$MENU cannot be changed"
}

put_system() {
	if erasure_due "$disk"; then
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
	tell_unused_space "$disk"
	is_data_file_system "$disk" || has_lost_superblock "/dev/$(partition_of "$disk" 2)" ||
		fail "There is no data partition on /dev/$disk to enlarge"
	enlarge_data_partition "$disk"
	enlarge_data_file_system "$disk"
}

# What is read goes to the log, every console, and the terminal of whoever called.
show() {
	case $(tty) in
	/dev/pts/*) tee -a "$log" "$(tty)" | to_consoles ;;
	*) tee -a "$log" | to_consoles ;;
	esac
}

# Runs a step of the work; the program ends when it fails. Not `step || …`, since within a
# condition the shell would go on after a command that failed.
run() {
	rm -f /run/install.done
	(
		"$1"
		touch /run/install.done
	) 2>&1 | show
	[ -e /run/install.done ] || give_up
}

give_up() {
	show <<-END

		*** This FAILED. Nothing is tried again before the next start.
		*** The log is in $log; log in as root to look into it.
	END
	exit 1
}

usage() {
	echo "usage: $0 LOGFILE [resize|factory|verify]" >&2
	exit 2
}

# What the slowest machine needs many times over.
: "${VERIFY_SECONDS:=300}" "${ERASE_SECONDS:=86400}" "${CHECK_SECONDS:=7200}" "${UNPACK_SECONDS:=1200}" "${WRITE_SECONDS:=600}"
log=${1:-}
work=${2:-install}
case $#,$work in
1,install | 2,resize | 2,factory) ;;
# A verification that is not possible found no difference.
2,verify) fail() { echo "$*" >&2 && exit 2; } ;;
*) usage ;;
esac
# Called in a directory of sda2 or sda3, it would itself keep them from being unmounted.
case $log in
/*) ;;
*) log=$PWD/$log ;;
esac
cd /
[ "$(id -u)" = 0 ] || fail "Only root can do this; become root with: su root"
disk=$(cat /run/boot-disk 2>/dev/null) || disk=$(find_boot_disk) || fail "$disk"
[ "$work" != factory ] || confirm_reset "$disk"
# A terminal that goes away must not end the work half-way.
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
echo finished | show
run conclude
no_limit
echo "Restarting" | to_consoles
reboot
