# shellcheck shell=sh
# Network cards and their names. A card keeps its name (eth0, eth1, …), and with it its settings, when others are
# added or removed: the setting "cards" has lines MAC NAME.
. /usr/lib/app-platform/settings.sh

# Prints the names of the Ethernet cards. eth0 always counts: in a container it has no device.
cards() (
	for path in /sys/class/net/*; do
		name=${path##*/}
		# Two ports of a pair: the one that belongs to the other is no card of its own.
		[ ! -e "$path/master" ] || continue
		case $name in
		*.*) continue ;;
		eth[0-9]*) ;;
		*) [ -e "$path/device" ] || continue ;;
		esac
		read -r type <"$path/type" || continue
		[ "$type" != 1 ] || echo "$name"
	done
)

# card_address NAME: prints the card's MAC.
card_address() {
	cat "/sys/class/net/$1/address" 2>/dev/null
}

# has_link NAME: whether a cable or another switch port is connected.
has_link() {
	[ "$(cat "/sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]
}

# assigned_names RECORD: prints the new record, lines MAC NAME, for the record in the file RECORD and the cards on
# standard input, lines NAME MAC. A recorded card keeps its name. An unknown one takes over the name, and the settings,
# of a card that is gone, as in a clone with other MACs; else the first free name.
assigned_names() {
	awk '
		FILENAME != "-" {
			if (NF == 2 && $1 ~ /^[0-9a-fA-F:]+$/ && length($1) == 17 && $2 ~ /^eth[0-9]+$/ &&
				!(tolower($1) in name) && !($2 in used)) {
				known[++records] = tolower($1)
				name[tolower($1)] = $2
				used[$2] = 1
			}
			next
		}
		!($2 in present) { present[$2] = 1; card[++count] = $2 }
		END {
			for (i = 1; i <= count; i++)
				if (!(card[i] in name)) {
					from = gone()
					if (from != "") { name[card[i]] = name[from]; delete name[from] }
					else name[card[i]] = free()
					known[++records] = card[i]
				}
			for (i = 1; i <= records; i++) if (known[i] in name) print known[i], name[known[i]]
		}
		# The recorded card with the lowest name that is not present.
		function gone(  i, lowest) {
			for (i = 1; i <= records; i++)
				if (known[i] in name && !(known[i] in present) &&
					(lowest == "" || number(known[i]) < number(lowest))) lowest = known[i]
			return lowest
		}
		function number(mac) { return substr(name[mac], 4) + 0 }
		function free(  i) {
			while (("eth" i + 0) in used) i++
			used["eth" i + 0] = 1
			return "eth" i + 0
		}
	' "$1" -
}

# Gives the cards the names of the record and adds new cards to it.
name_cards() {
	record=$SETTINGS/cards
	old=$(cat "$record" 2>/dev/null) || old=
	present=$(for card in $(cards); do echo "$card $(card_address "$card")"; done)
	[ -n "$present" ] || return 0
	mkdir -p /run/network
	echo "$old" >/run/network/cards
	names=$(echo "$present" | assigned_names /run/network/cards) || return 1
	rename_cards || return 1
	# The rescue system only reads it.
	[ "$names" = "$old" ] || is_rescue || echo "$names" | replace_file "$record"
}

# In two steps, since cards may swap their names.
rename_cards() {
	waiting=
	while read -r card mac; do
		name=$(echo "$names" | awk -v mac="$mac" '$1 == mac { print $2 }')
		case $name in
		'' | "$card") continue ;;
		esac
		ip link set "$card" down && ip link set "$card" name "renamed-$name" || return 1
		waiting="$waiting $name"
	done <<-END
		$present
	END
	for name in $waiting; do
		ip link set "renamed-$name" name "$name" || return 1
		echo "The network card $(card_address "$name") is $name"
	done
}
