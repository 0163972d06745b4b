# shellcheck shell=sh
# The result of an update, in a file on sda2 that the manager adds to its history.
# Needs settings.sh and boot-loader.sh.

# write_result installed|rolled-back|failed NEW_SLOT OLD_SLOT REASON [SETTINGS_DIRECTORY]
write_result() {
	directory=${5:-$SETTINGS}/update
	mkdir -p "$directory" && replace_file "$directory/result" <<-END
		STATE=$1
		VERSION=$(release_of "$2" VERSION)
		BUILD=$(release_of "$2" BUILD)
		FROM_VERSION=$(release_of "$3" VERSION)
		FROM_BUILD=$(release_of "$3" BUILD)
		REASON=$4
		TIME=$(date +%s)
	END
}

# release_of SLOT KEY: prints a value of the slot's release file.
release_of() {
	sed -n "s/^$2=//p" "$BOOT/$1/release" 2>/dev/null | head -n 1
}
