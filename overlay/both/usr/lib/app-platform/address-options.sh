# shellcheck shell=sh
# Parses the command line of setip into lines KEY=VALUE of the setting "network". Everything is checked before
# anything is changed. Needs address.sh.

refuse() {
	echo "setip: $*" >&2
	echo "Nothing was changed. See: setip --help" >&2
	exit 2
}

# network_settings ARGUMENT…: prints the lines that change, or refuses the arguments with the reason. INTERFACE, NTP
# and HOSTNAME (only if given) are no lines of that setting; CONFIRM asks for no trial.
network_settings() {
	address='' mask='' gateway='' dns1='' dns2='' dns='' dhcp='' off='' confirm=''
	address6='' gateway6='' interface='' vlan='' ntp='' hostname=''
	[ $# -gt 0 ] || refuse "An address is missing, for example --addr=192.0.2.10/24"
	read_options "$@"
	check_interface
	[ -z "$confirm" ] || echo CONFIRM=yes
	if [ -n "$off" ]; then
		[ -z "$dhcp$address$mask$gateway$dns1$dns2$dns$address6$gateway6$ntp$hostname" ] ||
			refuse "--off cannot be combined with other options"
		echo MODE=off
		return 0
	fi
	check_name_and_time
	check_ipv6
	if [ -n "$dhcp" ]; then
		[ -z "$address$mask" ] || refuse "--dhcp cannot be combined with --addr and --mask"
		[ -z "$gateway" ] || [ "$gateway" = none ] || refuse "--dhcp takes no gateway but --gateway=none"
		set_dns
		printf '%s\n' MODE=dhcp ${gateway:+"GATEWAY=$gateway"} ${dns1:+"DNS1=$dns1"} ${dns2:+"DNS2=$dns2"}
	elif [ -n "$address$mask$gateway" ]; then
		check_static
		printf '%s\n' MODE=static "ADDRESS=$address" "PREFIX=$prefix" "GATEWAY=$gateway" \
			"DNS1=$dns1" "DNS2=$dns2"
	elif [ -n "$dns1$dns2$dns" ]; then
		set_dns
		printf '%s\n' "DNS1=$dns1" "DNS2=$dns2"
	elif [ -z "$address6$ntp$hostname" ]; then
		refuse "An address is missing, for example --addr=192.0.2.10/24"
	fi
}

check_interface() {
	interface=${interface:-eth0}
	case $interface in
	eth[0-9] | eth[0-9][0-9]) ;;
	*)
		is_vlan "$interface" ||
			refuse "\"$interface\" is not the name of a network card, such as eth1; see: setip --show"
		[ -z "$vlan" ] || refuse "--interface=$interface names a VLAN already; leave --vlan out"
		;;
	esac
	if [ -n "$vlan" ]; then
		is_number "$vlan" 1 4094 || refuse "\"$vlan\" is not a VLAN, which is a number from 1 to 4094"
		interface=$interface.$vlan
	fi
	[ "$interface" = eth0 ] || echo "INTERFACE=$interface"
}

check_name_and_time() {
	if [ -n "$hostname" ]; then
		is_host_name "$hostname" ||
			refuse "\"$hostname\" is not a host name, for example gateway-1 or gateway-1.example.com"
		echo "HOSTNAME=$hostname"
	fi
	[ -n "$ntp" ] || return 0
	set -f
	# shellcheck disable=SC2046 # a list of words
	set -- $(echo "$ntp" | tr ',;' '  ')
	set +f
	for server in "$@"; do
		[ "$*" = none ] || is_server_address "$server" || is_host_name "$server" ||
			refuse "\"$server\" is not the name or address of an NTP server"
	done
	echo "NTP=$*"
}

# An address without a prefix length is in a /64 network, as nearly all are.
check_ipv6() {
	[ -n "$address6$gateway6" ] || return 0
	[ -n "$address6" ] || refuse "--gateway6 needs --addr6, for example --addr6=2001:db8::10/64"
	if [ "$address6" = auto ]; then
		[ -z "$gateway6" ] || refuse "--addr6=auto takes its gateway from the router; leave --gateway6 out"
		printf '%s\n' ADDRESS6= GATEWAY6=
		return 0
	fi
	prefix6=64
	[ "$address6" = "${address6%%/*}" ] || prefix6=${address6#*/}
	is_number "$prefix6" 1 128 || refuse "\"/$prefix6\" is not an IPv6 prefix length, for example /64"
	is_host_ipv6 "${address6%%/*}" ||
		refuse "\"${address6%%/*}\" is not an IPv6 address that a machine can have, for example 2001:db8::10/64"
	[ -z "$gateway6" ] || is_ipv6 "$gateway6" ||
		refuse "\"$gateway6\" is not an IPv6 address of a gateway, for example fe80::1"
	printf '%s\n' "ADDRESS6=${address6%%/*}/$prefix6" "GATEWAY6=$gateway6"
}

# Accepts `--addr=X`, `--addr X` and `--addr = X`.
read_options() {
	while [ $# -gt 0 ]; do
		argument=$1
		shift
		option=$(option_of "${argument%%=*}")
		if [ "$argument" = "${argument%%=*}" ]; then
			case $option in
			dhcp) dhcp=yes && continue ;;
			off) off=yes && continue ;;
			confirm) confirm=yes && continue ;;
			esac
		fi
		value=
		[ "$argument" = "${argument%%=*}" ] || value=${argument#*=}
		value=$(without_blanks "$value")
		if [ -z "$value" ] && [ "${1:-}" = = ]; then shift; fi
		if [ -z "$value" ] && [ $# -gt 0 ] && is_value "$1"; then
			value=$(without_blanks "${1#=}")
			shift
		fi
		[ -n "$option" ] || refuse_unknown "$argument"
		[ -n "$value" ] || refuse "--$option needs a value, for example --$option=$(example_of "$option")"
		keep_option
	done
}

# option_of WORD: prints the option's canonical name, or nothing if it is unknown. Accepts upper case and
# the dashes into which word processors turn `--`.
option_of() (
	word=$(without_blanks "$1" | tr '[:upper:]' '[:lower:]')
	while :; do
		case $word in
		-*) word=${word#-} ;;
		–*) word=${word#–} ;;
		—*) word=${word#—} ;;
		*) break ;;
		esac
	done
	case $word in
	addr | address | ip) echo addr ;;
	mask | netmask | prefix) echo mask ;;
	gateway | gw | router) echo gateway ;;
	addr6 | address6 | ip6) echo addr6 ;;
	gateway6 | gw6 | router6) echo gateway6 ;;
	interface | if | card) echo interface ;;
	hostname | host | name) echo hostname ;;
	ntp | ntp1 | ntp2) echo ntp ;;
	dns | dns1 | dns2 | dhcp | vlan | off | confirm) echo "$word" ;;
	esac
)

example_of() {
	case $1 in
	addr) echo 192.0.2.10/24 ;;
	mask) echo 255.255.255.0 ;;
	addr6) echo 2001:db8::10/64 ;;
	gateway6) echo fe80::1 ;;
	interface) echo eth1 ;;
	vlan) echo 5 ;;
	hostname) echo gateway-1.example.com ;;
	ntp) echo ntp.example.com ;;
	*) echo 192.0.2.1 ;;
	esac
}

without_blanks() {
	printf '%s\n' "$1" | sed 's/^[[:space:]]*//; s/[[:space:]]*$//'
}

# is_value WORD: whether the word is the value of the option before it, not an option itself.
is_value() {
	case $1 in
	-* | –* | —*) return 1 ;;
	*=?*) [ "${1#=}" != "$1" ] ;;
	*) [ -z "$(option_of "$1")" ] ;;
	esac
}

refuse_unknown() {
	case $1 in
	[0-9]*.*) refuse "\"$1\" needs the name of an option, for example --addr=$1" ;;
	*) refuse "\"$1\" is not an option" ;;
	esac
}

# Stores $value as $option. Repeating the same value is allowed.
keep_option() {
	case $option in
	addr) old=$address address=$value ;;
	mask) old=$mask mask=$value ;;
	gateway) old=$gateway gateway=$value ;;
	dns1) old=$dns1 dns1=$value ;;
	dns2) old=$dns2 dns2=$value ;;
	addr6) old=$address6 address6=$value ;;
	gateway6) old=$gateway6 gateway6=$value ;;
	interface) old=$interface interface=$value ;;
	vlan) old=$vlan vlan=$value ;;
	hostname) old=$hostname hostname=$value ;;
	dns) old='' dns="$dns,$value" ;;
	ntp) old='' ntp="$ntp,$value" ;;
	dhcp | off | confirm) refuse "--$option takes no value" ;;
	esac
	[ -z "$old" ] || [ "$old" = "$value" ] ||
		refuse "--$option is given twice: $old and $value"
}

check_static() {
	[ -n "$address" ] || refuse "--addr= is missing"
	! is_ipv6 "${address%%/*}" ||
		refuse "\"$address\" is not an IPv4 address; for an IPv6 address: --addr6=$address"
	set_prefix
	is_host_address "$address" ||
		refuse "\"$address\" is not an IPv4 address that a machine can have, for example 192.0.2.10/24"
	! is_network_or_broadcast "$address" "$prefix" ||
		refuse "$address is the network or broadcast address of its network /$prefix"
	[ "$gateway" != none ] || gateway=
	[ -z "$gateway" ] || check_gateway
	set_dns
}

# The mask may be part of the address.
set_prefix() {
	prefix=
	case $address in
	*/*)
		prefix=$(prefix_of "${address#*/}") ||
			refuse "\"/${address#*/}\" is not a network mask"
		address=${address%%/*}
		;;
	esac
	if [ -n "$mask" ]; then
		separate=$(prefix_of "$mask") || refuse "\"$mask\" is not a network mask"
		[ -n "$prefix" ] || prefix=$separate
		[ "$separate" = "$prefix" ] ||
			refuse "--addr=$address/$prefix and --mask=$mask contradict each other; leave one mask out"
	fi
	[ -n "$prefix" ] ||
		refuse "The network mask is missing, for example --addr=$address/24 or --mask=255.255.255.0"
}

# A /32 network has only the machine's address: providers that assign one have their router outside of it.
check_gateway() {
	is_host_address "$gateway" || refuse "\"$gateway\" is not an IPv4 address of a gateway"
	[ "$gateway" != "$address" ] || refuse "The gateway has the same address as this machine"
	[ "$prefix" = 32 ] ||
		[ "$(ipv4_network "$gateway" "$prefix")" = "$(ipv4_network "$address" "$prefix")" ] ||
		refuse "The gateway $gateway is outside the network of $address/$prefix; a provider's gateway of that" \
			"kind needs --addr=$address/32"
}

# At most two servers, from all options, in their order.
set_dns() {
	# shellcheck disable=SC2046 # a list of words
	set -- $(echo "$dns1,$dns,$dns2" | tr ',;' '  ')
	[ $# -le 2 ] || refuse "Two DNS servers at most, not $#: $*"
	for server in "$@"; do
		is_server_address "$server" || refuse "\"$server\" is not an address of a DNS server"
	done
	dns1=${1:-} dns2=${2:-}
}
