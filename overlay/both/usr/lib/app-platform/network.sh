# shellcheck shell=sh
# The network: settings in /mnt/sda2/system/network, current state in /run/network.
. /usr/lib/app-platform/settings.sh
. /usr/lib/app-platform/address.sh

NETWORK=/run/network

# Prints the first Ethernet interface; fails if there is none. eth0 always counts: in a container it has
# no device.
network_interface() {
	for interface in eth0 $(ls /sys/class/net); do
		[ "$interface" = eth0 ] || [ -e "/sys/class/net/$interface/device" ] || continue
		[ "$(cat "/sys/class/net/$interface/type" 2>/dev/null)" = 1 ] || continue
		echo "$interface"
		return 0
	done
	return 1
}

# use_address INTERFACE ADDRESS/PREFIX [GATEWAY]: makes it the only IPv4 address. An existing equal address
# is kept, so that connections survive. IPv6 is not touched.
use_address() {
	ip link set "$1" up || return 1
	ip -4 -o address show dev "$1" | awk '{ print $4 }' | while read -r old; do
		[ "$old" = "$2" ] || ip address delete "$old" dev "$1"
	done
	ip address replace "$2" broadcast + dev "$1" || return 1
	if [ -n "${3:-}" ]; then
		ip -4 route replace default via "$3" dev "$1" onlink || return 1
	else
		ip -4 route delete default dev "$1" 2>/dev/null || true
	fi
}

# Prints the addresses of this machine in the network, IPv4 first, one per line.
own_addresses() {
	ip -o address show scope global 2>/dev/null | awk '
		{ sub("/.*", "", $4) }
		$3 == "inet" { print $4 }
		$3 == "inet6" { later = later $4 "\n" }
		END { printf "%s", later }'
}

# servers KIND: prints the dns or ntp servers, each once: those of the network settings (DNS1, DNS2) or of
# DHCP, then those of the settings file KIND.
servers() {
	{
		if [ "$(setting network MODE)" = static ]; then
			[ "$1" != dns ] || printf '%s\n' "$(setting network DNS1)" "$(setting network DNS2)"
		else
			cat "$NETWORK/dhcp.$1" 2>/dev/null || true
		fi
		servers_in_file "$1"
	} | grep . | awk '!seen[$0]++'
}

# servers_in_file KIND: prints the servers in $SETTINGS/dns or ntp, which administrators edit by hand: one
# or several servers per line, with comments, or lines of resolv.conf and chrony.conf. Other words are
# ignored with a message.
servers_in_file() {
	[ -r "$SETTINGS/$1" ] || return 0
	awk '
		{ sub(/#.*/, ""); gsub(/[,;\r]/, " ") }
		$1 ~ /^(nameserver|server|pool|peer)$/ { print $2; next }
		{ for (i = 1; i <= NF; i++) if ($i !~ /^(iburst|prefer)$/) print $i }
	' "$SETTINGS/$1" | while read -r server; do
		if is_server_address "$server" || { [ "$1" = ntp ] && is_host_name "$server"; }; then
			echo "$server"
		else
			echo "$SETTINGS/$1: \"$server\" is ignored: it is not the address of a server" >&2
		fi
	done
}

write_resolv_conf() {
	{
		[ ! -s "$NETWORK/dhcp.search" ] || echo "search $(cat "$NETWORK/dhcp.search")"
		servers dns | sed 's/^/nameserver /'
	} | replace_file /run/resolv.conf
}

write_time_sources() {
	mkdir -p "$NETWORK/time"
	servers ntp | sed 's/.*/server & iburst/' | replace_file "$NETWORK/time/servers.sources"
	# chrony runs neither in the rescue system nor early at boot.
	[ ! -S /run/chrony/chronyd.sock ] || chronyc reload sources >/dev/null || true
}

# Writes the text above the login prompt of a console.
write_issue() {
	. /etc/app-platform-release
	addresses=$(own_addresses)
	{
		echo
		if is_rescue; then
			printf '%s\n' "App Platform $VERSION (build $BUILD) rescue system, \\l"
			echo "$addresses" | sed '/./!d; s/^/    ssh root@/'
		else
			printf '%s\n' "App Platform $VERSION (build $BUILD) \\n \\l"
			echo "$addresses" | sed '/./!d; s/.*:.*/[&]/; s#.*#    https://&/manager/#'
		fi
		if [ -z "$addresses" ]; then
			echo "    no IP address yet; to set a fixed one: setip --help"
		fi
		echo
	} | replace_file /run/issue
}

network_changed() {
	write_resolv_conf
	write_time_sources
	write_issue
}
