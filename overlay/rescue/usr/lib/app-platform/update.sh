# shellcheck shell=sh
# Continues the update that is recorded in the boot menu. Until the new system is confirmed, the boot loader
# starts this rescue system from the slot in use: whatever the new kernel does, the next start returns here.
. /usr/lib/app-platform/update-result.sh
. /usr/lib/app-platform/trial.sh

MAX_STARTS=3
# Many times what the slowest machine needs to become healthy.
TRIAL_SECONDS=600

# continue_update DISK STEP SLOT COUNT: restarts the machine at the end, or fails.
continue_update() {
	# There is no other system: like an installation, a rollback is repeated until it completes.
	if [ "$2" = undo ]; then
		/home/root/install.sh /apps/install_step1.log
		return 0
	fi
	if [ "$4" -ge $MAX_STARTS ]; then
		case $2 in
		install) abandon "$1" "$3" "the installation did not end in $MAX_STARTS attempts" ;;
		try) abandon "$1" "$3" "the new system was not healthy in $MAX_STARTS starts$(trial_failure "$1")" ;;
		esac
		return 0
	fi
	set_boot_state rescue "$(boot_slot)" "$2 $3 $(($4 + 1))" || fail "$MENU cannot be changed"
	case $2 in
	try) start_on_trial "$1" "$3" "$(($4 + 1))" ;;
	install)
		/home/root/install.sh /apps/install_step1.log || abandon "$1" "$3" "$(last_log_line)"
		;;
	esac
}

# start_on_trial DISK SLOT COUNT: starts the trial boot by kexec, without the boot loader, so that every end
# of the trial boot, even a power cut, leads back here. The watchdog restarts a system that is not confirmed
# in time.
start_on_trial() {
	announce "Starting the new system on trial ($3 of $MAX_STARTS)"
	rootfs=$(blkid -p -s PART_ENTRY_UUID -o value "/dev/$(partition_of "$1" 3)")
	kexec -l "$BOOT/$2/linux" --command-line="root=PARTUUID=$rootfs rw rootwait $(console_arguments)panic=30 \
kexec=trial softdog.soft_active_on_boot=1 softdog.soft_margin=$TRIAL_SECONDS" || {
		abandon "$1" "$2" "the new kernel cannot be started"
		return 0
	}
	sync
	umount "$BOOT" || true
	# If kexec returns, the next start counts the attempt and retries or abandons the update.
	kexec -e || true
	announce "The new kernel cannot be started"
	reboot
}

# abandon DISK SLOT REASON: returns to the previous system, which is still installed if nothing was
# unpacked yet.
abandon() {
	announce "The update is given up: $3"
	old=$(boot_slot)
	case $(installed_state "$1" "$BOOT/$old") in
	complete | started)
		record_result "$1" failed "$2" "$3"
		set_boot_state system "$old" none || fail "$MENU cannot be changed"
		;;
	*)
		record_result "$1" rolled-back "$2" "$3"
		set_boot_state rescue "$old" "undo $2 0" || fail "$MENU cannot be changed"
		;;
	esac
	reboot
}

# record_result DISK STATE SLOT REASON: writes the result to sda2. Ignores errors, which must not stop the
# rollback.
record_result() {
	mount_data "/dev/$(partition_of "$1" 2)" || return 0
	write_result "$2" "$3" "$(boot_slot)" "$4" /run/data/system || true
	umount /run/data
}

# trial_failure DISK: prints `: REASON` if the new system left a reason on sda2.
trial_failure() {
	mount_data "/dev/$(partition_of "$1" 2)" >&2 || return 0
	reason=$(trial_end_reason /run/data/system)
	umount /run/data
	echo "${reason:+: $reason}"
}

# Prints the last line of the log before the message of the failure.
last_log_line() {
	sed '/^$/d; /^\*\*\*/d' /apps/install_step1.log | tail -n 1 | cut -c 1-300
}

# Prints a message on the consoles too, which otherwise show only failures at this stage of the start.
announce() {
	say "$*"
	echo "$*" | to_consoles
}
