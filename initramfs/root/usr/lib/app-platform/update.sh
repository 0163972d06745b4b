# shellcheck shell=sh
# The update that the boot menu tells of. The set in use stays what the boot loader starts, with
# this ramdisk, until the new system has proved itself: whatever the new kernel does, the next
# start is here again.
. /usr/lib/app-platform/update-result.sh
. /usr/lib/app-platform/trial.sh

MOST_STARTS=3
# What the slowest machine needs to start and be healthy, many times over.
TRIAL_SECONDS=600

# go_on_with_update DISK STEP SLOT COUNT: ends with a restart, or fails.
go_on_with_update() {
	# There is nothing else to go back to: like an installation, it is begun as often as it is cut off.
	if [ "$2" = undo ]; then
		/home/root/install.sh /apps/install_step1.log
		return 0
	fi
	if [ "$4" -ge $MOST_STARTS ]; then
		case $2 in
		install) abandon "$1" "$3" "the installation did not end in $MOST_STARTS attempts" ;;
		try) abandon "$1" "$3" "the new system was not healthy in $MOST_STARTS starts$(why_trial_ended "$1")" ;;
		esac
		return 0
	fi
	set_boot_state rescue "$(boot_slot)" "$2 $3 $(($4 + 1))" || fail "$MENU cannot be changed"
	case $2 in
	try) start_on_trial "$1" "$3" "$(($4 + 1))" ;;
	install)
		/home/root/install.sh /apps/install_step1.log || abandon "$1" "$3" "$(last_words)"
		;;
	esac
}

# start_on_trial DISK SLOT COUNT: by kexec. The boot loader knows nothing of it, so that any end
# of the trial, a power cut too, leads back here. The watchdog restarts a system that nobody
# has confirmed in time.
start_on_trial() {
	announce "Starting the new system on trial ($3 of $MOST_STARTS)"
	rootfs=$(blkid -p -s PART_ENTRY_UUID -o value "/dev/$(partition_of "$1" 3)")
	kexec -l "$BOOT/$2/linux" --command-line="root=PARTUUID=$rootfs rw rootwait $(console_arguments)panic=30 \
kexec=trial softdog.soft_active_on_boot=1 softdog.soft_margin=$TRIAL_SECONDS" || {
		abandon "$1" "$2" "the new kernel cannot be started"
		return 0
	}
	sync
	umount "$BOOT" || true
	# Where that comes back, the next start is counted and tries again, or gives the update up.
	kexec -e || true
	announce "The new kernel cannot be started"
	reboot
}

# abandon DISK SLOT REASON: back to the system before. It is still there when the update ended
# before anything was unpacked.
abandon() {
	announce "The update is given up: $3"
	old=$(boot_slot)
	case $(installed_state "$1" "$BOOT/$old") in
	complete | started)
		tell_result "$1" failed "$2" "$3"
		set_boot_state system "$old" none || fail "$MENU cannot be changed"
		;;
	*)
		tell_result "$1" rolled-back "$2" "$3"
		set_boot_state rescue "$old" "undo $2 0" || fail "$MENU cannot be changed"
		;;
	esac
	reboot
}

# tell_result DISK STATE SLOT REASON: on sda2; that it cannot be told must not hold the rest up.
tell_result() {
	mount_data "/dev/$(partition_of "$1" 2)" || return 0
	write_result "$2" "$3" "$(boot_slot)" "$4" /run/data/system || true
	umount /run/data
}

# why_trial_ended DISK: what the new system has left on sda2 about it, if it could.
why_trial_ended() {
	mount_data "/dev/$(partition_of "$1" 2)" >&2 || return 0
	reason=$(trial_ended /run/data/system)
	umount /run/data
	echo "${reason:+: $reason}"
}

# The last line before the message that it failed.
last_words() {
	sed '/^$/d; /^\*\*\*/d' /apps/install_step1.log | tail -n 1 | cut -c 1-300
}

# At this stage of the start, consoles show failures alone.
announce() {
	say "$*"
	echo "$*" | to_consoles
}
