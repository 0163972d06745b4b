# shellcheck shell=sh
# Persistent settings: small files in /mnt/sda2/system.
. /usr/lib/app-platform/files.sh

SETTINGS=/mnt/sda2/system

# setting FILE KEY: prints the value of the line KEY=VALUE, or nothing.
setting() {
	value_in "$SETTINGS/$1" "$2"
}

# value_in PATH KEY: the same for any file.
value_in() {
	[ -r "$1" ] || return 0
	value=
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		"$2="*) value=${line#*=} ;;
		esac
	done <"$1"
	[ -z "$value" ] || printf '%s\n' "$value"
}

# Whether this is the rescue system, where sda2 is not mounted and settings are in RAM.
is_rescue() {
	[ -x /usr/lib/app-platform/persist-setting ]
}

# write_setting FILE: saves standard input as a setting; in the rescue system on sda2 too.
write_setting() {
	replace_file "$SETTINGS/$1" || return 1
	! is_rescue || /usr/lib/app-platform/persist-setting "$1"
}
