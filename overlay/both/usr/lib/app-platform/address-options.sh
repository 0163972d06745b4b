# shellcheck shell=sh
# Parses the command line of setip into the lines of the setting "network". Everything is checked before
# anything is changed. Needs address.sh.

refuse() {
	echo "setip: $*" >&2
	echo "Nothing was changed. See: setip --help" >&2
	exit 2
}

# network_settings ARGUMENT…: prints the setting, or refuses the arguments with the reason.
network_settings() {
	address='' mask='' gateway='' dns1='' dns2='' dns='' dhcp=''
	[ $# -gt 0 ] || refuse "An address is missing, for example --addr=192.0.2.10/24"
	read_options "$@"
	if [ -n "$dhcp" ]; then
		[ -z "$address$mask$gateway$dns1$dns2$dns" ] ||
			refuse "--dhcp cannot be combined with other options"
		echo MODE=dhcp
		return 0
	fi
	check_static
	printf '%s\n' MODE=static "ADDRESS=$address" "PREFIX=$prefix" "GATEWAY=$gateway" \
		"DNS1=$dns1" "DNS2=$dns2"
}

# Accepts `--addr=X`, `--addr X` and `--addr = X`.
read_options() {
	while [ $# -gt 0 ]; do
		argument=$1
		shift
		option=$(option_of "${argument%%=*}")
		if [ "$option" = dhcp ] && [ "$argument" = "${argument%%=*}" ]; then
			dhcp=yes
			continue
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
	dns | dns1 | dns2 | dhcp) echo "$word" ;;
	esac
)

example_of() {
	case $1 in
	addr) echo 192.0.2.10/24 ;;
	mask) echo 255.255.255.0 ;;
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
	dns) old='' dns="$dns,$value" ;;
	dhcp) refuse "--dhcp takes no value" ;;
	esac
	[ -z "$old" ] || [ "$old" = "$value" ] ||
		refuse "--$option is given twice: $old and $value"
}

check_static() {
	[ -n "$address" ] || refuse "--addr= is missing"
	set_prefix
	is_host_address "$address" || refuse "\"$address\" is not an IPv4 address that a machine can have"
	! is_network_or_broadcast "$address" "$prefix" ||
		refuse "$address is the network or broadcast address of its network /$prefix"
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
		refuse "The gateway $gateway is outside the network of $address/$prefix"
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
