# shellcheck shell=sh
# Checks of addresses and host names: pure functions of text. Their bodies are subshells, which keeps
# their variables local.

# is_number TEXT MIN MAX: whether the text is decimal digits without a leading zero, within the bounds.
is_number() (
	case $1 in
	'' | *[!0-9]* | 0?* | ?????*) return 1 ;;
	esac
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
)

# ipv4_number ADDRESS: prints an IPv4 address as one number; fails unless it has four decimal parts.
ipv4_number() (
	case $1 in
	*.*.*.*.* | *[!0-9.]* | .* | *.) return 1 ;;
	*.*.*.*) ;;
	*) return 1 ;;
	esac
	rest=$1.
	number=0
	while [ -n "$rest" ]; do
		is_number "${rest%%.*}" 0 255 || return 1
		number=$((number * 256 + ${rest%%.*}))
		rest=${rest#*.}
	done
	echo $number
)

# prefix_of MASK: prints the prefix length of 255.255.255.0, /24 or 24.
prefix_of() (
	case $1 in
	*.*)
		mask=$(ipv4_number "$1") || return 1
		hosts=$((4294967295 - mask))
		# A mask is ones and then zeros exactly when the inverse plus one is a power of two.
		[ $((hosts & (hosts + 1))) -eq 0 ] || return 1
		prefix=32
		while [ $hosts -gt 0 ]; do
			hosts=$((hosts / 2))
			prefix=$((prefix - 1))
		done
		;;
	*) prefix=${1#/} ;;
	esac
	is_number "$prefix" 1 32 || return 1
	echo "$prefix"
)

# ipv4_network ADDRESS PREFIX: prints the network address as one number.
ipv4_network() (
	address=$(ipv4_number "$1") || return 1
	size=$((1 << (32 - $2)))
	echo $((address / size * size))
)

# is_host_address ADDRESS: whether a machine can have it: not 0.x, 127.x, multicast or reserved.
is_host_address() (
	ipv4_number "$1" >/dev/null || return 1
	first=${1%%.*}
	[ "$first" -ne 0 ] && [ "$first" -ne 127 ] && [ "$first" -lt 224 ]
)

# is_network_or_broadcast ADDRESS PREFIX: whether it is one of the two addresses of a network that no
# machine has. Networks of one and two addresses (/32, /31) have none.
is_network_or_broadcast() (
	[ "$2" -lt 31 ] || return 1
	address=$(ipv4_number "$1") || return 1
	network=$(ipv4_network "$1" "$2")
	[ "$address" -eq "$network" ] ||
		[ "$address" -eq $((network + (1 << (32 - $2)) - 1)) ]
)

# is_ipv6 ADDRESS: checks the form only (groups of hex digits, at most one `::`).
is_ipv6() (
	case $1 in
	*[!0-9a-fA-F:]* | *:::* | *::*::* | :[!:]* | *[!:]: | '') return 1 ;;
	*:*) ;;
	*) return 1 ;;
	esac
	groups=0
	rest=$1:
	while [ -n "$rest" ]; do
		group=${rest%%:*}
		rest=${rest#*:}
		[ -n "$group" ] || continue
		[ ${#group} -le 4 ] || return 1
		groups=$((groups + 1))
	done
	case $1 in
	*::*) [ $groups -le 7 ] ;;
	*) [ $groups -eq 8 ] ;;
	esac
)

# is_host_ipv6 ADDRESS: whether a machine can have it in a network: not ::, ::1 or multicast.
is_host_ipv6() (
	is_ipv6 "$1" || return 1
	case $1 in
	:: | ::1 | [fF][fF]??:*) return 1 ;;
	esac
)

# is_vlan NAME: whether it is the interface of a VLAN on a network card, such as eth0.5.
is_vlan() (
	case ${1%.*} in
	"$1") return 1 ;;
	eth[0-9] | eth[0-9][0-9]) is_number "${1##*.}" 1 4094 ;;
	*) return 1 ;;
	esac
)

# is_server_address ADDRESS: whether a DNS or NTP server can have it.
is_server_address() (
	is_host_address "$1" || is_ipv6 "$1"
)

# is_host_name NAME: labels of letters, digits and hyphens, at most 63 characters each, separated by
# dots. A text of digits and dots is no name, because it could be an IPv4 address.
is_host_name() (
	[ ${#1} -le 253 ] || return 1
	case $1 in
	'' | .* | *. | *..* | *[!A-Za-z0-9.-]* | -* | *- | *.-* | *-.*) return 1 ;;
	*[!0-9.]*) ;;
	*.*) return 1 ;;
	esac
	rest=$1.
	while [ -n "$rest" ]; do
		label=${rest%%.*}
		[ ${#label} -le 63 ] || return 1
		rest=${rest#*.}
	done
)
