#!/bin/sh
# lan.sh DIRECTORY HOST…: in its own network namespace, creates the bridge "lan" for container machines and the empty
# bridge "lan2", prints "ready" and becomes their DHCP and DNS server. A HOST is MAC,ADDRESS. DIRECTORY has the file
# dnsmasq.conf and perhaps, with DHCP options that are read again after SIGHUP, the file options.
set -eu

directory=$1
shift
ip link add lan type bridge
ip address add 10.0.2.2/24 dev lan
ip address add 10.0.2.3/24 dev lan
ip address add 2001:db8:5::1/64 dev lan nodad
ip link set lan up
ip link add lan2 type bridge
ip address add 10.9.0.1/24 dev lan2
ip link set lan2 up
ip link set lo up
# Connections to addresses outside fail at once instead of timing out.
echo 1 >/proc/sys/net/ipv4/ip_forward
ip route add unreachable default
for host in "$@"; do
	echo "dhcp-host=$host"
done >>"$directory/dnsmasq.conf"
: >>"$directory/options"
# As another user, dnsmasq would outlive the process that started it.
echo ready
exec dnsmasq --keep-in-foreground --conf-file="$directory/dnsmasq.conf" --user=root --group=root --pid-file \
	--no-resolv --no-hosts --dhcp-optsfile="$directory/options" --interface=lan --bind-interfaces --dhcp-range=10.0.2.0,static --dhcp-option=option:router,10.0.2.2 \
	--dhcp-leasefile="$directory/leases" --dhcp-authoritative --no-ping 2>"$directory/dnsmasq.log"
