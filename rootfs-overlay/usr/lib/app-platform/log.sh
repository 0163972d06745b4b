# shellcheck shell=sh
# Directories of rotated logs, written by svlogd.

# make_log_directory DIRECTORY: one that is there keeps its own limits.
make_log_directory() {
	[ -d "$1" ] || (umask 027 && mkdir -p "$1")
	# Five older files of 1 MB, beside the one that is written to.
	[ -e "$1/config" ] || printf 's1000000\nn5\n' >"$1/config"
}
