# shellcheck shell=sh
# The network: settings in /mnt/sda2/system/network (eth0) and network-INTERFACE, current state in /run/network.
. /usr/lib/app-platform/settings.sh
. /usr/lib/app-platform/address.sh
. /usr/lib/app-platform/cards.sh

NETWORK=/run/network
# The time servers when neither DHCP nor a setting names any: those of the distribution.
DEFAULT_POOL=2.debian.pool.ntp.org
# Settings that are used but not confirmed yet, see setip.
TRIAL=$NETWORK/trial

# settings_of INTERFACE: prints the name of its setting: "network" for eth0, network-eth1, network-eth0.5 for VLAN 5.
settings_of() {
	if [ "$1" = eth0 ]; then
		echo network
	else
		echo "network-$1"
	fi
}

# Prints the directory of the settings in use.
network_directory() {
	if [ -d "$TRIAL" ]; then
		echo "$TRIAL"
	else
		echo "$SETTINGS"
	fi
}

# interface_setting INTERFACE KEY: prints the value in use, or nothing.
interface_setting() {
	value_in "$(network_directory)/$(settings_of "$1")" "$2"
}

# mode_of INTERFACE: prints how it gets its IPv4 address: dhcp, static or off (none, and no IPv6 either).
mode_of() (
	mode=$(interface_setting "$1" MODE)
	case $mode in
	static | off) echo "$mode" ;;
	*) echo dhcp ;;
	esac
)

# Prints the interfaces in the order of their importance: the cards, then the VLANs in use.
interfaces() (
	cards
	for file in "$(network_directory)"/network-*.*; do
		vlan=${file##*/network-}
		if is_vlan "$vlan" && [ -e "/sys/class/net/${vlan%.*}" ] && [ "$(mode_of "$vlan")" != off ]; then
			echo "$vlan"
		fi
	done
)

# Creates the VLANs in use and deletes the others.
make_vlans() {
	vlans=$(interfaces | grep -F . || true)
	for path in /sys/class/net/eth*.[0-9]*; do
		if is_vlan "${path##*/}" && ! echo "$vlans" | grep -qxF "${path##*/}"; then
			ip link delete "${path##*/}" || return 1
		fi
	done
	for vlan in $vlans; do
		[ ! -e "/sys/class/net/$vlan" ] || continue
		ip link set "${vlan%.*}" up &&
			ip link add link "${vlan%.*}" name "$vlan" type vlan id "${vlan##*.}" || return 1
	done
}

# use_address INTERFACE ADDRESS/PREFIX GATEWAY METRIC: makes it the only IPv4 address. An existing equal address
# is kept, so that connections survive. IPv6 is not touched. Without a gateway, there is no default route.
use_address() {
	ip link set "$1" up || return 1
	ip -4 -o address show dev "$1" | awk '{ print $4 }' | while read -r old; do
		[ "$old" = "$2" ] || ip address delete "$old" dev "$1"
	done
	ip address replace "$2" broadcast + dev "$1" || return 1
	flush_routes -4 "$1" 16
	while ip -4 route delete default dev "$1" 2>/dev/null; do :; done
	[ -z "$3" ] || ip -4 route replace default via "$3" dev "$1" onlink metric "$4"
}

# flush_routes FAMILY INTERFACE PROTOCOL: removes the routes of DHCP (16) or of routers' advertisements (9). busybox's ip,
# which its shell prefers, would remove those of all protocols.
flush_routes() {
	/usr/sbin/ip "$1" route flush dev "$2" proto "$3"
}

# use_ipv6_address INTERFACE ADDRESS/PREFIX GATEWAY METRIC: the same for IPv6, or with an empty address removes
# the one that was set by this function.
use_ipv6_address() {
	fixed=$NETWORK/ipv6.$1
	old=$(cat "$fixed" 2>/dev/null) || old=
	if [ -n "$old" ] && [ "$old" != "$2" ]; then
		ip -6 address delete "$old" dev "$1" 2>/dev/null || true
		while ip -6 route delete default dev "$1" proto static 2>/dev/null; do :; done
		rm "$fixed"
	fi
	[ -n "$2" ] || return 0
	ip link set "$1" up || return 1
	if [ "$old" != "$2" ]; then
		# The addresses and routes of routers.
		echo 0 >"/proc/sys/net/ipv6/conf/$1/accept_ra" || return 1
		ip -6 address flush dev "$1" scope global
		flush_routes -6 "$1" 9
	fi
	ip -6 address replace "$2" dev "$1" && echo "$2" >"$fixed" || return 1
	while ip -6 route delete default dev "$1" proto static 2>/dev/null; do :; done
	[ -z "$3" ] || ip -6 route replace default via "$3" dev "$1" onlink proto static metric "$4"
}

# write_dhcpcd_conf: the configuration of dhcpcd, which does DHCP and follows IPv6 routers on the interfaces that
# have no fixed addresses.
write_dhcpcd_conf() {
	{
		cat <<-END
			script /usr/lib/app-platform/lease-changed
			# The same client and addresses as by earlier versions.
			clientid
			duid ll
			slaac hwaddr
			vendorclassid
			hostname $(hostname)
			option domain_name_servers, domain_name, domain_search, classless_static_routes, interface_mtu
			option ntp_servers
			option dhcp6_name_servers, domain_search, sntp_servers, ntp_server
			# At once; the last address is asked for briefly, since its network may be another one.
			nodelay
			noarp
			reboot 2
			noipv4ll
			# During a shutdown SSH sessions and network file systems end cleanly.
			persistent
			nodev
		END
		metric=1000
		off=
		for interface in $(interfaces); do
			mode=$(mode_of "$interface")
			if [ "$mode" = off ]; then
				off="$off $interface"
				continue
			fi
			printf '%s\n' "interface $interface" "metric $metric"
			[ "$mode" = dhcp ] || echo noipv4
			[ -z "$(interface_setting "$interface" ADDRESS6)" ] || echo noipv6
			[ "$(interface_setting "$interface" GATEWAY)" != none ] || echo nogateway
			metric=$((metric + 1))
		done
		[ -z "$off" ] || echo "denyinterfaces$off"
	} | replace_file "$NETWORK/dhcpcd.conf"
}

# Prints the addresses of this machine in the network, IPv4 first, one per line.
own_addresses() {
	ip -o address show scope global 2>/dev/null | awk '
		{ sub("/.*", "", $4) }
		$3 == "inet" { print $4 }
		$3 == "inet6" { later = later $4 "\n" }
		END { printf "%s", later }'
}

# Prints the addresses of the manager's page, one per line.
own_urls() {
	own_addresses | sed '/./!d; s/.*:.*/[&]/; s#.*#https://&/manager/#'
}

# servers KIND: prints the dns or ntp servers, each once: those of the interfaces' settings (DNS1, DNS2), those of
# DHCP and of IPv6 routers, then those of the settings file KIND.
servers() {
	{
		if [ "$1" = dns ]; then
			for interface in $(interfaces); do
				printf '%s\n' "$(interface_setting "$interface" DNS1)" "$(interface_setting "$interface" DNS2)"
			done
		fi
		learned "$1"
		servers_in_file "$1"
	} | grep . | awk '!seen[$0]++'
}

# learned KIND: prints the valid dns or ntp servers, or search domains, from DHCP and IPv6 routers, those of the
# first interface first.
learned() {
	cat "$NETWORK"/lease/*."$1" 2>/dev/null | while read -r word; do
		case $1 in
		search) is_host_name "$word" ;;
		# A router may name itself by its address on this link.
		*) is_server_address "${word%%%eth*}" ;;
		esac && echo "$word"
	done | awk '!seen[$0]++'
}

# servers_in_file KIND: prints the servers in $SETTINGS/dns or ntp, which administrators edit by hand: one
# or several servers per line, with comments, or lines of resolv.conf and chrony.conf; an ntp server may have a
# port ("192.0.2.1 port 11123"). Other words are ignored with a message.
servers_in_file() {
	[ -r "$SETTINGS/$1" ] || return 0
	awk -v kind="$1" '
		{ sub(/#.*/, ""); gsub(/[,;\r]/, " ") }
		{
			first = $1 ~ /^(nameserver|server|pool|peer)$/ ? 2 : 1
			last = first == 2 ? 2 : NF
			for (i = first; i <= last; i++) {
				if (kind == "ntp" && $(i + 1) == "port") {
					print $i, $(i + 2)
					i += 2
				} else if ($i !~ /^(iburst|prefer)$/) print $i
			}
		}
	' "$SETTINGS/$1" | while read -r server port; do
		case ${port:-123} in
		0* | *[!0-9]* | ??????*) known= ;;
		*) { is_server_address "$server" || { [ "$1" = ntp ] && is_host_name "$server"; }; } && known=yes || known= ;;
		esac
		if [ -n "$known" ]; then
			echo "$server${port:+ port $port}"
		else
			echo "$SETTINGS/$1: \"$server${port:+ port $port}\" is ignored: it is not the address of a server" >&2
		fi
	done
}

# Prints the search domains: those of the settings file, then those of DHCP and of IPv6 routers.
search_domains() {
	{
		{ cat "$SETTINGS/search" 2>/dev/null || true; } | tr -s '[:space:]' '\n' | while read -r domain; do
			! is_host_name "$domain" || echo "$domain"
		done
		learned search
	} | awk '!seen[$0]++'
}

write_resolv_conf() {
	{
		domains=$(search_domains | tr '\n' ' ')
		[ -z "$domains" ] || echo "search ${domains% }"
		servers dns | sed 's/^/nameserver /'
	} | replace_file /run/resolv.conf
}

# Prints the lines of chrony. A virtual machine that was paused or restored has the old time until chrony has only
# samples from afterwards, since it trusts no source whose samples differ by more than a second: four samples, one a
# minute (2^6 s).
time_sources() {
	options='iburst maxpoll 6 maxsamples 4'
	named=$(servers ntp | sed "s/.*/server & $options/")
	echo "${named:-pool $DEFAULT_POOL $options}"
}

write_time_sources() {
	mkdir -p "$NETWORK/time"
	time_sources | replace_file "$NETWORK/time/servers.sources"
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
			own_urls | sed 's/^/    /'
		fi
		if [ -z "$addresses" ]; then
			echo "    no IP address yet; to set a fixed one: setip --help"
			for card in $(cards); do
				has_link "$card" && link='link is up' || link='NO LINK: check the cable'
				echo "    network card $card ($(card_address "$card")): $link"
			done
		fi
		echo
	} | replace_file /run/issue
}

network_changed() {
	write_resolv_conf
	write_time_sources
	write_issue
}
