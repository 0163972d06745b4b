# shellcheck shell=sh
# The trial boot of a new system: the rescue system starts it by kexec, and the manager confirms it. Needs
# disk.sh and settings.sh.

# The settings file with the reason why the last trial boot ended, for the rescue system.
TRIAL_ENDED=update/trial-ended

# Whether this is a trial boot.
on_trial() {
	[ "$(kernel_argument kexec)" = trial ]
}

# trial_watchdog: prints the device of the kernel's software watchdog, which runs from the beginning of a
# trial boot. A gateway may also have hardware watchdogs, some of which cannot be stopped once opened.
trial_watchdog() {
	for watchdog in /sys/devices/virtual/watchdog/watchdog*; do
		[ -d "$watchdog" ] || return 1
		echo "/dev/${watchdog##*/}"
		return 0
	done
}

# stop_trial_watchdog: V is the magic close character of the kernel's watchdog API.
stop_trial_watchdog() {
	device=$(trial_watchdog) || return 0
	echo V >"$device"
}

# end_trial REASON: restarts at once, without waiting for the watchdog, because this system cannot become
# healthy.
end_trial() {
	mkdir -p "$SETTINGS/update" && printf '%s\n' "$1" | replace_file "$SETTINGS/$TRIAL_ENDED" ||
		echo "The reason cannot be written to $SETTINGS/$TRIAL_ENDED" >&2
	reboot
}

# trial_end_reason SETTINGS_DIRECTORY: prints the reason in one line, or nothing.
trial_end_reason() {
	[ -f "$1/$TRIAL_ENDED" ] || return 0
	tr -s '[:cntrl:]' ' ' <"$1/$TRIAL_ENDED" | cut -c 1-300
}

# delete_trial_end_reason SETTINGS_DIRECTORY: for the start of another update. Not deleted when it is read:
# the power may fail before the result is stored.
delete_trial_end_reason() {
	rm -f "$1/$TRIAL_ENDED"
}
