# shellcheck shell=sh
# Decisions about addresses and host names: functions of text, without side effects. Their
# bodies are subshells, in order that their variables are not the caller's.

# is_number TEXT LEAST MOST: decimal digits without a leading zero, within the bounds.
is_number() (
	case $1 in
	'' | *[!0-9]* | 0?* | ?????*) return 1 ;;
	esac
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
)

# ipv4_number ADDRESS: an IPv4 address as one number; fails unless it is four decimal parts.
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

# prefix_of MASK: the length of a prefix, from 255.255.255.0, /24 or 24.
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

# ipv4_network ADDRESS PREFIX: the number of the network.
ipv4_network() (
	address=$(ipv4_number "$1") || return 1
	size=$((1 << (32 - $2)))
	echo $((address / size * size))
)

# Whether a machine can have this address: not 0.x, 127.x, multicast, reserved.
is_host_address() (
	ipv4_number "$1" >/dev/null || return 1
	first=${1%%.*}
	[ "$first" -ne 0 ] && [ "$first" -ne 127 ] && [ "$first" -lt 224 ]
)

# is_network_or_broadcast ADDRESS PREFIX: the two addresses of a network that no machine has.
# Networks of one and two addresses (/32, /31) have none.
is_network_or_broadcast() (
	[ "$2" -lt 31 ] || return 1
	address=$(ipv4_number "$1") || return 1
	network=$(ipv4_network "$1" "$2")
	[ "$address" -eq "$network" ] ||
		[ "$address" -eq $((network + (1 << (32 - $2)) - 1)) ]
)

# is_ipv6 ADDRESS: the shape is checked (groups of hex digits, at most one `::`).
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

# is_server_address ADDRESS: an address at which a DNS or NTP server may be.
is_server_address() (
	is_host_address "$1" || is_ipv6 "$1"
)

# is_host_name NAME: labels of letters, digits and hyphens, at most 63 characters each, with dots
# between them. What could be an IPv4 address is not a name.
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
