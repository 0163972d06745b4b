# shellcheck shell=sh
# The time zone in /mnt/sda2/system/timezone, which administrators edit by hand.

ZONES=/usr/share/zoneinfo

# time_zone FILE: prints the time zone in the first line that is not empty or a comment: the name of a file
# in $ZONES, or a rule (CET-1CEST,M3.5.0,M10.5.0/3). Prints UTC and fails if there is none.
time_zone() (
	zone=$(sed 's/#.*//; s/^[[:space:]]*:*//; s/[[:space:]]*$//; /./!d; q' "$1" 2>/dev/null | tr -d '\000')
	case $zone in
	'' | /* | *..*) ;;
	*)
		if [ -f "$ZONES/$zone" ] || is_zone_rule "$zone"; then
			echo "$zone"
			return 0
		fi
		;;
	esac
	echo UTC
	return 1
)

is_zone_rule() {
	echo "$1" | grep -Eq '^[A-Za-z]{3,}[+-]?[0-9]{1,2}(:[0-9]{2})?([A-Za-z]{3,}[A-Za-z0-9,.:/+-]*)?$'
}
