#!/bin/sh
# start.sh DISK CONSOLE NETWORK CARDS GROUP MEGABYTES COMMAND_LINE: the first process of a container machine, in its
# own namespaces. Replaces firmware, boot loader and kernel: sets up the disk with its partitions, the devices, the
# network cards and the root file system, then executes the init of the image.
#   DISK          image of an installed disk
#   CONSOLE       terminal that becomes the machine's serial console
#   NETWORK       process whose network namespace has the bridges
#   CARDS         words BRIDGE,PEER,MAC: for each card, name of its bridge (or "unplugged": on the bridge "lan", without
#                 a link) and of its peer on it, and its address
#   GROUP         control group that is the root of the machine's control groups
#   MEGABYTES     of memory that the machine sees
#   COMMAND_LINE  of the kernel, for /proc/cmdline
set -eu

disk=$1
console=$2
network=/proc/$3/ns/net
cards=$4
group=$5
megabytes=$6
command_line=$7
here=$(dirname "$0")

# Only the real root group may have both processes and controllers.
mkdir -p "$group/init"
echo 0 >"$group/init/cgroup.procs"

# After a restart, the kernel still tears down the previous machine in the background.
while [ -n "$(losetup --associated "$disk")" ]; do
	sleep 0.1
done
for card in $cards; do
	peer=${card#*,}
	nsenter --net="$network" ip link delete "${peer%,*}" 2>/dev/null || true
done

# The kernel frees the loop device at its last unmount, however this machine ends.
loop=$(losetup --find --show --partscan "$disk")
trap 'losetup --detach "$loop"' EXIT
# A previous user may have left the device read-only.
blockdev --setrw "$loop"
# For a kernel that does not parse partition tables itself.
partx --update "$loop"
name=${loop#/dev/}
root=$(dirname "$disk")/root
mkdir -p "$root"
mount "${loop}p3" "$root"
losetup --detach "$loop"
trap - EXIT

index=0
for card in $cards; do
	peer=${card#*,}
	ip link add "eth$index" address "${card##*,}" type veth peer name "${peer%,*}" netns "$network"
	case $card in
	unplugged,*) nsenter --net="$network" ip link set "${peer%,*}" master lan ;;
	*) nsenter --net="$network" ip link set "${peer%,*}" master "${card%%,*}" up ;;
	esac
	index=$((index + 1))
done

mount -t tmpfs -o nosuid,mode=755,size=1m dev "$root/dev"
device() {
	mknod -m "$2" "$root/dev/$1" "$3" "$4" "$5"
}
device null 666 c 1 3
device zero 666 c 1 5
device full 666 c 1 7
device random 666 c 1 8
device urandom 666 c 1 9
device tty 666 c 5 0
device ptmx 666 c 5 2
device kmsg 600 c 1 3
for entry in "/sys/block/$name" "/sys/block/$name/$name"p*; do
	IFS=: read -r major minor <"$entry/dev"
	device "${entry##*/}" 600 b "$major" "$minor"
done
for terminal in console ttyS0; do
	: >"$root/dev/$terminal"
	mount --bind "$console" "$root/dev/$terminal"
done

# The settings of this host's kernel are read-only, except those of the machine's network namespace.
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mkdir "$root/dev/net"
mount --bind "$root/proc/sys/net" "$root/dev/net"
for path in sys sysrq-trigger; do
	[ -e "$root/proc/$path" ] || continue
	mount --bind "$root/proc/$path" "$root/proc/$path"
	mount -o remount,bind,ro "$root/proc/$path"
done
mount --move "$root/dev/net" "$root/proc/sys/net"
rmdir "$root/dev/net"

mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o nosuid,nodev,mode=755,size=32m tmpfs "$root/run"
mkdir "$root/run/container"
echo "$command_line" >"$root/run/container/cmdline"
echo ttyS0 >"$root/run/container/consoles"
grep -q memory "$group/cgroup.controllers" || : >"$root/run/container/without-limits"
awk -v kb=$((megabytes * 1024)) '
	/^Mem(Total|Free|Available):/ { $2 = $1 == "MemTotal:" ? kb : int(kb / 2); print; next }
	/^Swap/ { print $1, 512 * 1024, "kB" }' /proc/meminfo >"$root/run/container/meminfo"
mount --bind "$root/run/container/meminfo" "$root/proc/meminfo"
mount --bind "$root/run/container/cmdline" "$root/proc/cmdline"
mount --bind "$root/run/container/consoles" "$root/sys/class/tty/console/active"

# All files that differ from the image.
(cd "$here/rootfs" && find . -type f) | while read -r file; do
	mount --bind "$here/rootfs/$file" "$root/$file"
done

cd "$root"
pivot_root . .
umount -l .
exec env -i HOME=/ TERM=linux PATH=/sbin:/usr/sbin:/bin:/usr/bin /sbin/init
