# shellcheck shell=sh
# Work on a disk or a network may hang where no signal reaches it: then the machine restarts,
# and the work begins again, as often as updates allow.

# limit SECONDS STEP: from now to the next call, or to no_limit.
limit() {
	no_limit
	(
		# Not in a file system that somebody wants to unmount: no_limit does not end the sleep itself.
		cd /
		sleep "$1"
		echo "$2 took longer than $1 seconds: restarting" | to_consoles
		# Without writing anything out, which may be what hangs.
		reboot -f -n
	) >/dev/null 2>&1 </dev/null &
	echo $! >/run/time-limit
}

no_limit() {
	[ ! -s /run/time-limit ] || kill "$(cat /run/time-limit)" 2>/dev/null || true
	rm -f /run/time-limit
}
