# shellcheck shell=sh
# Finds the files of an installed system that differ from those of a slot. Streams the archive: makes no
# second copy of the system in RAM or on a disk. Needs boot-loader.sh and verify-slot.sh.

# Lists of paths, one per line: `missing`, `changed`, `extra`, and `files`, the expected ones.
COMPARED=/run/compared
COMMON_SUMS=usr/lib/app-platform/common.sha256
# The rescue system itself, the source of the common files.
OWN_ROOT=/

# compare_system SLOT DIRECTORY: fails if the comparison cannot be completed; then the last line of
# $COMPARED/complaints has the reason.
compare_system() {
	(cd "$COMPARED" && rm -f missing changed extra files complaints failed)
	compare_archive "$(slot_file "$1" rootfs.tar.xz)" "$2" || return 1
	compare_common "$1" "$2" || return 1
	sort -u -o "$COMPARED/missing" "$COMPARED/missing"
	sort -u -o "$COMPARED/files" "$COMPARED/files"
	find_extra "$2" >"$COMPARED/extra"
}

compare_archive() {
	{ xz -dc "$1" 2>/dev/null || touch "$COMPARED/failed"; } |
		LC_ALL=C tar --compare --verbose --quoting-style=literal --ignore-zeros --numeric-owner -C "$2" \
			>"$COMPARED/output" 2>"$COMPARED/complaints" || true
	[ ! -e "$COMPARED/failed" ] || return 1
	awk -v lists="$COMPARED" "$path_in_awk"'
		BEGIN {
			reasons["Mode"] = "mode"; reasons["Uid"] = "owner"; reasons["Gid"] = "group"
			reasons["Size"] = "content"; reasons["Contents"] = "content"
			reasons["Symlink"] = "link target"; reasons["File type"] = "type"
			reasons["Device number"] = "type"
			changed = lists "/changed"; missing = lists "/missing"; files = lists "/files"
			printf "" >changed; printf "" >missing
		}
		function note(name, reason) {
			if (!(name in noted)) {
				names[++count] = name
				noted[name] = reason
			} else if (!index(noted[name], reason))
				noted[name] = noted[name] ", " reason
		}
		# The lines of its standard error are read first.
		FILENAME != lists "/output" {
			if (sub(/: (Warning: )?Cannot [a-z]+: (No such file or directory|Not a directory)$/, "", $0)) {
				sub(/^tar: /, "")
				print path($0) >missing
			} else if (match($0, /: (Warning: )?(Cannot [a-z]+|Read error|File shrank)/) && /^tar: \./)
				note(path(substr($0, 6, RSTART - 6)), "cannot be read")
			next
		}
		match($0, /: (Mode|Uid|Gid|Size|Symlink|File type|Device number) differs$/) ||
		match($0, /: Contents differ$/) {
			reason = substr($0, RSTART + 2)
			sub(/ differs?$/, "", reason)
			note(path(substr($0, 1, RSTART - 1)), reasons[reason])
			next
		}
		match($0, /: Not linked to /) {
			note(path(substr($0, 1, RSTART - 1)), "link")
			next
		}
		# A changed time alone is not a difference.
		/: Mod time differs$/ { next }
		{ print path($0) >files }
		END { for (i = 1; i <= count; i++) print names[i] " (" noted[names[i]] ")" >changed }
	' "$COMPARED/complaints" "$COMPARED/output"
}

# Turns ./usr/bin/ into /usr/bin, and replaces control characters, which could move the cursor.
# shellcheck disable=SC2016 # awk's
path_in_awk='
	function path(name) {
		sub(/^\.\//, "/", name)
		sub(/\/$/, "", name)
		gsub(/[\001-\037\177]/, "?", name)
		return name == "" || name == "." ? "/" : name
	}'

# compare_common SLOT DIRECTORY: compares the files that the archive leaves out because the rescue system
# of the same version has them.
compare_common() {
	if cp "$2/$COMMON_SUMS" "$COMPARED/common.sha256" 2>/dev/null &&
		! grep -q -e "^/$COMMON_SUMS (" "$COMPARED/changed"; then
		:
	else
		xz -dc "$(slot_file "$1" rootfs.tar.xz)" |
			tar -x -O --ignore-zeros "./$COMMON_SUMS" >"$COMPARED/common.sha256" 2>"$COMPARED/complaints" ||
			return 1
	fi
	sed 's/^[0-9a-f]*  \.//' "$COMPARED/common.sha256" >>"$COMPARED/files"
	(cd "$2" && sha256sum -c "$COMPARED/common.sha256" 2>/dev/null) |
		sed -n 's/^\.\(.*\): FAILED.*/\1/p' | while read -r name; do
		if [ -e "$2$name" ] || [ -L "$2$name" ]; then
			echo "$name (content)" >>"$COMPARED/changed"
		else
			echo "$name" >>"$COMPARED/missing"
		fi
	done
	# Modes may differ between versions.
	! cmp -s "$OWN_RELEASE" "$BOOT/$1/release" || compare_modes "$2" >>"$COMPARED/changed"
}

compare_modes() {
	modes_of_common "$OWN_ROOT" >"$COMPARED/modes"
	modes_of_common "$1" | awk -v own="$COMPARED/modes" '
		BEGIN { while ((getline line <own) > 0) { split(line, word, " "); mode[word[2]] = word[1] } }
		($2 in mode) && mode[$2] != $1 { sub(/^\./, "", $2); print $2 " (mode or owner)" }'
}

# modes_of_common DIRECTORY: prints lines `MODE:OWNER:GROUP ./PATH`.
modes_of_common() {
	sed 's/^[0-9a-f]*  //' "$COMPARED/common.sha256" | tr '\n' '\0' |
		(cd "$1" && xargs -0 stat -c '%f:%u:%g %n' 2>/dev/null) || true
}

# find_extra DIRECTORY: prints unexpected files; of an unexpected directory only its name. The system itself
# writes its marks and below the mount points of other file systems; passwd keeps the previous versions
# of its files.
find_extra() {
	(cd "$1" && find . -xdev 2>/dev/null) | awk -v files="$COMPARED/files" "$path_in_awk"'
		BEGIN { while ((getline line <files) > 0) expected[line] = 1 }
		{ name = path($0) }
		(name in expected) || name == "/lost+found" { next }
		name ~ /^\/\.app-platform-(installed|started|manager|manager-directories)$/ { next }
		name ~ /^\/etc\/(passwd|shadow|group)-$/ { next }
		name ~ /^\/(dev|proc|sys|run|tmp|mnt\/sda1|mnt\/sda2)(\/|$)/ { next }
		{
			parent = name
			sub(/\/[^\/]*$/, "", parent)
			extra[name] = 1
			if (!(parent in extra)) print name
		}'
}
