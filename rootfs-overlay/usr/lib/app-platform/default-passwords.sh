# shellcheck shell=sh
# A password that stands in the documents must not open a machine to the internet.

FILTER=/etc/nftables/default-passwords.nft

# Whether root or admin still has the password of the factory: its salt is fixed.
has_default_password() {
	grep -qE '^(root|admin):[$]6[$]AppPlatform(Root|Adm)1[$]' /etc/shadow
}

ssh_is_guarded() {
	nft list table inet default_passwords >/dev/null 2>&1
}

# Brings the filter in line with the passwords.
guard_ssh() {
	if has_default_password; then
		ssh_is_guarded || nft -f "$FILTER"
	else
		! ssh_is_guarded || nft delete table inet default_passwords
	fi
}
