# shellcheck shell=sh
# Closes SSH to the internet while a documented default password works.

FILTER=/etc/nftables/default-passwords.nft
# Written by the manager while 100.64.0.0/10 counts as inside.
SHARED_ADDRESS_SPACE=/mnt/sda2/system/manager/shared-address-space-is-inside
# What was found at the last check, and for which /etc/shadow.
STATE=/run/default-passwords

# Whether root or admin has a default password. PAM's own helper compares, in every format of hashes, and logs
# each comparison: only a changed file is checked.
has_default_password() {
	shadow=$(stat -L -c '%i %s %Y %Z' /etc/shadow) || return 0
	if [ ! -f "$STATE" ] || [ "$(sed 1d "$STATE")" != "$shadow" ]; then
		found=no
		for user in root admin; do
			grep -q "^$user:" /etc/shadow || continue
			for password in iplinux ipapps; do
				! is_password "$user" "$password" || found=yes
			done
		done
		# Apps need not know.
		(umask 077 && printf '%s\n' "$found" "$shadow" >"$STATE.new") || return 0
		mv "$STATE.new" "$STATE" || return 0
	fi
	[ "$(sed -n 1p "$STATE")" != no ]
}

# is_password USER PASSWORD: if it cannot be checked, it counts as the password.
is_password() {
	status=0
	printf '%s\0' "$2" | unix_chkpwd "$1" nullok >/dev/null 2>&1 || status=$?
	# PAM_AUTH_ERR
	[ $status != 7 ]
}

is_ssh_guarded() {
	nft list table inet default_passwords >/dev/null 2>&1
}

# Prints this machine's global IPv6 networks, which are inside; a prefix shorter than 48 is no LAN.
own_networks() {
	ip -6 addr show scope global | awk '$1 == "inet6" { split($2, part, "/"); if (part[2] >= 48) print $2 }'
}

# Prints the commands that set what is inside besides the private networks.
inside_networks() {
	echo "flush set inet default_passwords own4"
	echo "flush set inet default_passwords own6"
	[ ! -e "$SHARED_ADDRESS_SPACE" ] || echo "add element inet default_passwords own4 { 100.64.0.0/10 }"
	own_networks | while read -r network; do
		echo "add element inet default_passwords own6 { $network }"
	done
}

# Enables or disables the filter, as the passwords require.
guard_ssh() {
	if has_default_password; then
		if is_ssh_guarded; then
			inside_networks | nft -f - || logger -t default-passwords "The networks that count as inside cannot be updated"
		else
			{ cat "$FILTER" && inside_networks; } | nft -f - || nft -f "$FILTER"
		fi
	else
		! is_ssh_guarded || nft delete table inet default_passwords
	fi
}
