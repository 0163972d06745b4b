#!/bin/sh
# lan.sh DIRECTORY HOST…: in a network namespace of its own, makes the bridge to which container machines
# are plugged in, says "ready" and becomes their DHCP server. A HOST is MAC,ADDRESS.
set -eu

directory=$1
shift
ip link add lan type bridge
ip address add 10.0.2.2/24 dev lan
ip link set lan up
ip link set lo up
for host in "$@"; do
	echo "dhcp-host=$host"
done >"$directory/dnsmasq.conf"
# Both are what it has to wait for: it answers from here on.
echo ready
exec dnsmasq --keep-in-foreground --conf-file="$directory/dnsmasq.conf" --user=root --pid-file \
	--port=0 --interface=lan --bind-interfaces --dhcp-range=10.0.2.0,static --dhcp-option=option:router,10.0.2.2 \
	--dhcp-leasefile="$directory/leases" --dhcp-authoritative --no-ping 2>"$directory/dnsmasq.log"
