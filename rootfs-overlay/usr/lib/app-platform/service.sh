# shellcheck shell=sh
# Functions for the scripts in /etc/init.d, which take start|stop|restart|status.
#
# A script names its service and ends with `service_main NAME "$@"`; before that it may define
#   prepare      what must be there before the service starts (fails: it is not started)
# The service itself is /etc/sv/NAME/run, watched by runit. Its working copy with the state of
# the supervision is in /run/service, so that the root file system is not written to.

SERVICES=/run/service
START_SECONDS=90
STOP_SECONDS=90

# To every console at once. Without a terminal that can be written to, the text is dropped.
to_consoles() {
	consoles=
	for console in $(active_consoles); do
		[ -c "/dev/$console" ] && consoles="$consoles /dev/$console"
	done
	# shellcheck disable=SC2086 # a list of names without blanks
	tee -a $consoles >/dev/null
}

# The terminals that are consoles of the kernel, one a line. tty0 is whatever is seen: tty1.
active_consoles() {
	tr ' ' '\n' </sys/class/tty/console/active | sed 's/^tty0$/tty1/' | sort -u
}

say() {
	echo "$*"
}

fail() {
	echo "$*" >&2
	exit 1
}

# service_copy TEMPLATE [INSTANCE]: puts a service that is down under supervision.
service_copy() {
	service="$SERVICES/$1${2:+-$2}"
	[ ! -d "$service" ] || return 0
	mkdir -p "$service.new"
	for part in "/etc/sv/$1"/*; do
		case $part in
		*/log) mkdir "$service.new/log" && ln -s "$part/run" "$service.new/log/run" ;;
		*) ln -s "$part" "$service.new/" ;;
		esac
	done
	touch "$service.new/down"
	mv "$service.new" "$service"
}

# Waits until runit has taken a service over. Nothing announces that, hence the polling.
wait_for_supervisor() {
	tenths=0
	until svok "$SERVICES/$1"; do
		tenths=$((tenths + 1))
		[ $tenths -le 200 ] || fail "$1: the supervisor does not run"
		sleep 0.1
	done
}

# The `run: …` or `down: …` line of runit about a service without its log.
service_state() {
	sv status "$SERVICES/$1" 2>/dev/null | sed 's/; *log:.*//; s/; *run: log:.*//'
}

service_runs() {
	case $(service_state "$1") in
	run:*) return 0 ;;
	*) return 1 ;;
	esac
}

service_start() {
	wait_for_supervisor "$1"
	rm -f "$SERVICES/$1/down"
	if sv -w "$START_SECONDS" start "$SERVICES/$1" >/dev/null; then
		say "$1 runs"
	else
		fail "$1 does not run: $(service_state "$1")"
	fi
}

service_stop() {
	if ! svok "$SERVICES/$1"; then
		say "$1 is stopped"
		return 0
	fi
	touch "$SERVICES/$1/down"
	if sv -w "$STOP_SECONDS" force-stop "$SERVICES/$1" >/dev/null; then
		say "$1 is stopped"
	else
		fail "$1 does not stop: $(service_state "$1")"
	fi
}

# Exits 0 when the service runs, 3 when it is stopped, as the Linux Standard Base has it.
service_status() {
	if service_runs "$1"; then
		say "$1 is running $(service_state "$1" | sed 's/^[^(]*//')"
		exit 0
	fi
	say "$1 is stopped"
	exit 3
}

prepare() {
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
	*)
		echo "usage: $0 start|stop|restart|status" >&2
		exit 2
		;;
	esac
}

# once_main START STOP STATUS ACTION: for scripts without a process of their own.
# Each is a command; `stop` may be `:`.
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
