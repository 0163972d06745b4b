# shellcheck shell=sh
# The trial of a new system: the ramdisk started it by kexec, and the manager confirms it. Wants
# service.sh and settings.sh.

# Why the last trial ended, for the ramdisk; on sda2.
TRIAL_ENDED=update/trial-ended

# Whether this start is that of a system which may still be rolled back.
on_trial() {
	[ "$(kernel_argument kexec)" = trial ]
}

# trial_watchdog: the device of the kernel's own watchdog, which runs from a trial's first moment. A
# gateway may have others, made of hardware, and some of those cannot be stopped once opened.
trial_watchdog() {
	for watchdog in /sys/devices/virtual/watchdog/watchdog*; do
		[ -d "$watchdog" ] || return 1
		echo "/dev/${watchdog##*/}"
		return 0
	done
}

# stop_trial_watchdog: V is the letter that says that its end is meant.
stop_trial_watchdog() {
	device=$(trial_watchdog) || return 0
	echo V >"$device"
}

# end_trial REASON: nobody needs to wait for the watchdog when it is known that this system will
# not be healthy.
end_trial() {
	mkdir -p "$SETTINGS/update" && printf '%s\n' "$1" | replace_file "$SETTINGS/$TRIAL_ENDED" ||
		echo "The reason cannot be written to $SETTINGS/$TRIAL_ENDED" >&2
	reboot
}

# trial_ended SETTINGS_FOLDER: the reason in one line.
trial_ended() {
	[ -f "$1/$TRIAL_ENDED" ] || return 0
	tr -s '[:cntrl:]' ' ' <"$1/$TRIAL_ENDED" | cut -c 1-300
}

# forget_trial_ended SETTINGS_FOLDER: when another update begins. Not once it is told: the power may
# fail before the next start knows that.
forget_trial_ended() {
	rm -f "$1/$TRIAL_ENDED"
}
