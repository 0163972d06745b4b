# shellcheck shell=sh
# Work on a disk or a network may hang in the kernel, where no signal ends it: then the machine restarts
# and repeats the work, as often as updates allow.

# limit SECONDS STEP: limits the time until the next call, or until no_limit.
limit() {
	no_limit
	(
		# no_limit does not end the sleep, which must not keep a file system busy.
		cd /
		sleep "$1"
		echo "$2 took longer than $1 seconds: restarting" | to_consoles
		# Without sync, which may hang.
		reboot -f -n
	) >/dev/null 2>&1 </dev/null &
	echo $! >/run/time-limit
}

no_limit() {
	[ ! -s /run/time-limit ] || kill "$(cat /run/time-limit)" 2>/dev/null || true
	rm -f /run/time-limit
}
