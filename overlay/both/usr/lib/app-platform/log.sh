# shellcheck shell=sh
# Directories of rotated logs, written by svlogd.

# make_log_directory DIRECTORY: an existing one keeps its limits.
make_log_directory() {
	[ -d "$1" ] || (umask 027 && mkdir -p "$1")
	# Five old files of 1 MB, and the current one.
	[ -e "$1/config" ] || printf 's1000000\nn5\n' >"$1/config"
}
