# shellcheck shell=sh
# Closes SSH to the internet while a documented default password works.

FILTER=/etc/nftables/default-passwords.nft

# Whether root or admin still has its default password, recognized by its fixed salt.
has_default_password() {
	grep -qE '^(root|admin):[$]6[$]AppPlatform(Root|Adm)1[$]' /etc/shadow
}

is_ssh_guarded() {
	nft list table inet default_passwords >/dev/null 2>&1
}

# Enables or disables the filter, as the passwords require.
guard_ssh() {
	if has_default_password; then
		is_ssh_guarded || nft -f "$FILTER"
	else
		! is_ssh_guarded || nft delete table inet default_passwords
	fi
}
