# shellcheck shell=sh
# Functions for the scripts in /etc/init.d, which take start|stop|restart|status.
#
# A script ends with `service_main NAME "$@"`. It may define `prepare` before that, which runs before the
# service starts; if it fails, the service is not started. `finish_start` runs once the service is up. The service itself is /etc/sv/NAME/run,
# supervised by runit. Its working copy with the supervision state is in /run/service, so that nothing is
# written to the root file system.

SERVICES=/run/service
START_SECONDS=90
STOP_SECONDS=90
# How often a service may be found crashed while it is started.
MAX_TIMES_DOWN=25
# The polling interval.
: "${LOOK_SECONDS:=0.2}"
# How long a service without a ./check must run before it counts as started. rcS does not wait.
: "${SERVICE_SECONDS:=2}"
# The exit status of fail, and a command that fail calls with the message.
FAIL_STATUS=1
ON_FAILURE=

# Writes standard input to all consoles. Discards it if there is no terminal.
to_consoles() {
	consoles=
	for console in $(active_consoles); do
		[ -c "/dev/$console" ] && consoles="$consoles /dev/$console"
	done
	# shellcheck disable=SC2086 # a list of names without blanks
	tee -a $consoles >/dev/null
}

# Prints the terminals that are consoles of the kernel, one per line. tty0 is the visible one: tty1.
active_consoles() (
	read -r names </sys/class/tty/console/active
	listed=
	for name in $names; do
		[ "$name" != tty0 ] || name=tty1
		case "$listed " in
		*" $name "*) ;;
		*)
			echo "$name"
			listed="$listed $name"
			;;
		esac
	done
)

say() {
	echo "$*"
}

# Prints a message and writes it to the kernel log, which klogd forwards to /var/log/messages.
report() {
	say "$*"
	echo "$*" >/dev/kmsg 2>/dev/null || true
}

# fail MESSAGE…: ends the script.
fail() {
	echo "$*" >&2
	[ -z "$ON_FAILURE" ] || "$ON_FAILURE" "$*"
	exit "$FAIL_STATUS"
}

# service_copy TEMPLATE [INSTANCE]: adds a service to the supervision, stopped.
service_copy() {
	service="$SERVICES/$1${2:+-$2}"
	[ ! -d "$service" ] || return 0
	rm -rf "$service.new"
	cp -rs "/etc/sv/$1" "$service.new"
	: >"$service.new/down"
	mv "$service.new" "$service"
}

service_is_supervised() {
	# At boot, no file is left of an earlier supervisor, and `sv` takes longer.
	if [ -n "${BEGUN:-}" ]; then
		[ -p "$SERVICES/$1/supervise/ok" ]
		return
	fi
	read_state "$1"
	case $state in
	run:* | down:* | finish:*) return 0 ;;
	*) return 1 ;;
	esac
}

# Waits until runit supervises a service. There is no event to wait for, hence the polling.
wait_for_supervisor() {
	within 20 service_is_supervised "$1" || fail "$1: the supervisor does not run"
}

# read_state NAME: sets $state to runit's line `run: …` or `down: …` about a service, without its log. Here
# and below, starting processes is avoided: on a small device each takes about 10 ms.
read_state() {
	state=$(sv status "$SERVICES/$1" 2>/dev/null) || :
	state=${state%%; [a-z]*: log:*}
}

service_runs() {
	read_state "$1"
	case $state in
	run:*) return 0 ;;
	*) return 1 ;;
	esac
}

# service_control NAME LETTERS: sends commands to runsv. Does not use `sv`, which skips a command if the
# state file already asks for the same: that state is stale during the second that runsv waits before it
# restarts a crashed service, and an `up` right after a `down` would be lost.
service_control() {
	printf %s "$2" >"$SERVICES/$1/supervise/control"
}

# Whether a service is down and stays down, and its finish script has ended.
service_is_down() {
	read_state "$1"
	case $state in
	*"want up"*) return 1 ;;
	down:*) return 0 ;;
	*) return 1 ;;
	esac
}

# Whether a service is up and its ./check, if any, succeeds. A process that is stopping or paused does not
# count; without a ./check it must have run for SERVICE_SECONDS.
service_is_up() {
	read_state "$1"
	case $state in
	*"want down"* | *"got TERM"* | *paused*) return 1 ;;
	run:*) ;;
	*) return 1 ;;
	esac
	if [ -x "$SERVICES/$1/check" ]; then
		(cd "$SERVICES/$1" && ./check) >/dev/null 2>&1
	else
		seconds=${state##*) }
		[ "${seconds%%s*}" -ge "$SERVICE_SECONDS" ]
	fi
}

# within SECONDS COMMAND…: repeats the command until it succeeds; fails after that time. Uses the uptime,
# which clock corrections do not change.
within() {
	read -r now _ </proc/uptime
	end=$((${now%.*} + $1 + 1))
	shift
	until "$@"; do
		read -r now _ </proc/uptime
		[ "${now%.*}" -lt "$end" ] || return 1
		sleep "$LOOK_SECONDS"
	done
}

# Prints the last lines of a service's own log, if it has one.
service_log_tail() {
	directory=$(sed -n 's/.*log-to //p' "$SERVICES/$1/log/run" 2>/dev/null) || return 0
	tail -n 3 "$directory/current" 2>/dev/null | sed 's/^/  /'
}

# service_request_start NAME: does not wait until the service is up.
service_request_start() {
	wait_for_supervisor "$1"
	# If an admin deleted the log, the service's first messages go to a new one.
	[ -n "${BEGUN:-}" ] || [ ! -d "$SERVICES/$1/log" ] || /usr/lib/app-platform/reopen-logs
	[ ! -e "$SERVICES/$1/down" ] || rm "$SERVICES/$1/down"
	# c continues a paused process.
	service_control "$1" cu
}

service_start() {
	service_request_start "$1"
	# rcS waits for all services together.
	if [ -n "${BEGUN:-}" ]; then
		echo "$1 $0" >>"$BEGUN"
	elif service_comes_up "$1"; then
		finish_start
		say "$1 runs"
	else
		lines=$(service_log_tail "$1")
		read_state "$1"
		fail "$1 does not run: $state${lines:+
The end of its log:
$lines}"
	fi
}

service_comes_up() {
	times_down=0
	is_up=
	within "$START_SECONDS" service_is_up_or_crashes "$1" && [ -n "$is_up" ]
}

# runsv waits up to a second before it restarts a crashed service. A service that is repeatedly found in
# that state does not get more time.
service_is_up_or_crashes() {
	if service_is_up "$1"; then
		is_up=yes
		return 0
	fi
	case $state in
	down:*"want up"*) times_down=$((times_down + 1)) ;;
	esac
	[ "$times_down" -ge "$MAX_TIMES_DOWN" ]
}

service_stop() {
	if ! service_is_supervised "$1"; then
		say "$1 is stopped"
		return 0
	fi
	touch "$SERVICES/$1/down"
	service_control "$1" d
	if ! within "$STOP_SECONDS" service_is_down "$1"; then
		say "$1 does not stop within $STOP_SECONDS s: it is killed"
		service_control "$1" k
		within 10 service_is_down "$1" || fail "$1 does not stop: $state"
	fi
	say "$1 is stopped"
}

# Exit codes of the Linux Standard Base: 0 running, 1 crashed, 3 stopped, 4 between two states.
service_status() {
	read_state "$1"
	case $state in
	run:*"want down"* | finish:*)
		say "$1 is stopping: $state"
		exit 4
		;;
	run:*paused*)
		say "$1 is paused: $state"
		exit 4
		;;
	run:*)
		say "$1 is running ${state#*: *: }"
		exit 0
		;;
	*"want up"*)
		say "$1 crashes and is restarted: $state"
		exit 1
		;;
	*)
		say "$1 is stopped"
		exit 3
		;;
	esac
}

prepare() {
	:
}

finish_start() {
	:
}

service_main() {
	case ${2:-} in
	start)
		prepare
		service_start "$1"
		;;
	stop) service_stop "$1" ;;
	restart)
		service_stop "$1"
		prepare
		service_start "$1"
		;;
	status) service_status "$1" ;;
	# For rcS, when the service is up.
	finish-start) finish_start ;;
	*)
		echo "usage: $0 start|stop|restart|status" >&2
		exit 2
		;;
	esac
}

# once_main START STOP STATUS ACTION: for scripts without a service. The first three are commands; `:` does
# nothing.
once_main() {
	case ${4:-} in
	start) "$1" ;;
	stop) "$2" ;;
	restart)
		"$2"
		"$1"
		;;
	status)
		if "$3"; then
			say "${0##*/} is done"
			exit 0
		fi
		say "${0##*/} is not done"
		exit 3
		;;
	*)
		echo "usage: $0 start|stop|restart|status" >&2
		exit 2
		;;
	esac
}
