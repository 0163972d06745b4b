# shellcheck shell=sh
# Settings that persist are small files in /mnt/sda2/system.

SETTINGS=/mnt/sda2/system

# setting FILE KEY: the value of the line KEY=VALUE; nothing when there is none.
setting() {
	[ -r "$SETTINGS/$1" ] || return 0
	value=
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		"$2="*) value=${line#*=} ;;
		esac
	done <"$SETTINGS/$1"
	[ -z "$value" ] || printf '%s\n' "$value"
}

# replace_file FILE [MODE]: writes standard input so that a power cut leaves the old or the
# new file, never a part of one.
replace_file() {
	temporary="$1.new.$$"
	if (umask 077 && cat >"$temporary") && chmod "${2:-644}" "$temporary" &&
		sync "$temporary" && mv "$temporary" "$1" && sync "$(dirname "$1")"; then
		return 0
	fi
	rm -f "$temporary"
	return 1
}

# Whether this is the rescue system, where sda2 is not mounted and settings are in RAM.
is_rescue() {
	[ -x /usr/lib/app-platform/persist-setting ]
}

# write_setting FILE: keeps standard input as a setting; in rescue on sda2 too.
write_setting() {
	replace_file "$SETTINGS/$1" || return 1
	! is_rescue || /usr/lib/app-platform/persist-setting "$1"
}

# copy_missing FROM TO: copies the files of a tree that the other one lacks, never over an
# existing one, each whole or not at all.
copy_missing() {
	(cd "$1" && find . -type d) | while read -r folder; do
		[ -d "$2/$folder" ] || mkdir -m "$(stat -c %a "$1/$folder")" "$2/$folder" || exit 1
	done || return 1
	(cd "$1" && find . -type f -o -type l) | while read -r file; do
		if [ -e "$2/$file" ] || [ -L "$2/$file" ]; then
			continue
		fi
		if ! cp -pP "$1/$file" "$2/$file.new" || ! sync "$2/$file.new" ||
			! mv "$2/$file.new" "$2/$file"; then
			exit 1
		fi
	done
}
