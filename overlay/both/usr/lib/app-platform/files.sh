# shellcheck shell=sh
# Files that are replaced or copied atomically: a power cut leaves the old or the new file, never a
# part of one.

# replace_file FILE [MODE]: replaces FILE with standard input. The mode is 644 by default.
replace_file() {
	temporary="$1.new.$$"
	if (umask 077 && cat >"$temporary") && chmod "${2:-644}" "$temporary"; then
		move_into_place "$temporary" "$1"
	else
		rm -f "$temporary"
		return 1
	fi
}

# move_into_place NEW FILE: replaces FILE with NEW, a complete file on the same file system. Deletes
# NEW and fails if that is not possible.
move_into_place() {
	if sync "$1" && mv "$1" "$2" && sync "${2%/*}/"; then
		return 0
	fi
	rm -f "$1"
	return 1
}

# copy_missing FROM TO: copies the files of a directory tree that TO does not have, with owner and
# mode. Existing files are kept. Files that are not complete (*.new) are left out: they may be renamed
# meanwhile, as by S44ssh, which makes keys during an installation.
copy_missing() {
	(cd "$1" && find . -type d) | while read -r directory; do
		[ -d "$2/$directory" ] || mkdir -m "$(stat -c %a "$1/$directory")" "$2/$directory" || exit 1
	done || return 1
	(cd "$1" && find . \( -type f -o -type l \) ! -name '*.new' ! -name '*.new.*') | while read -r file; do
		if [ -e "$2/$file" ] || [ -L "$2/$file" ]; then
			continue
		fi
		if ! cp -pP "$1/$file" "$2/$file.new" || ! move_into_place "$2/$file.new" "$2/$file"; then
			exit 1
		fi
	done
}
