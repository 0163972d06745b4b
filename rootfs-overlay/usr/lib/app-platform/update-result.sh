# shellcheck shell=sh
# How an update ended, in a file on sda2 that the manager takes into its history.
# Wants settings.sh and boot-loader.sh.

# write_result installed|rolled-back|failed NEW_SLOT OLD_SLOT REASON [SETTINGS_FOLDER]
write_result() {
	folder=${5:-$SETTINGS}/update
	mkdir -p "$folder" && replace_file "$folder/result" <<-END
		STATE=$1
		VERSION=$(release_of "$2" VERSION)
		BUILD=$(release_of "$2" BUILD)
		FROM_VERSION=$(release_of "$3" VERSION)
		FROM_BUILD=$(release_of "$3" BUILD)
		REASON=$4
		TIME=$(date +%s)
	END
}

# release_of SLOT KEY
release_of() {
	sed -n "s/^$2=//p" "$BOOT/$1/release" 2>/dev/null | head -n 1
}
