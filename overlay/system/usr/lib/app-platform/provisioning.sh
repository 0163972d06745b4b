# shellcheck shell=sh
# Applies what a source of provisioning asks for: lines KIND, TAB, VALUE… of read-provisioning. Each value is checked as
# if a person had typed it. What cannot be used is named, and the rest is applied.
# Needs service.sh, settings.sh, passwords.sh, time-zone.sh and address.sh.

# Lines KIND SUM ID: what was applied last of each kind of source. Only for root: a password can be guessed by a sum.
APPLIED=$SETTINGS/provisioned
WORK=/run/provisioning
# The manager takes this hash as its password and deletes the file.
MANAGER_PASSWORD=$SETTINGS/manager/provisioned-password
DEFAULT_PASSWORDS='iplinux ipapps pwd'
# As in the manager.
MIN_PASSWORD_LENGTH=8
TAB=$(printf '\t')

# applied KIND NUMBER: prints a field of its line.
applied() {
	sed -n "s/^$1 //p" "$APPLIED" 2>/dev/null | cut -d ' ' -f "$2"
}

# remember KIND SUM ID
remember() {
	{
		grep -v "^$1 " "$APPLIED" 2>/dev/null || true
		echo "$*"
	} | replace_file "$APPLIED" 600
}

# apply SOURCE FILE: applies the lines in FILE.
apply() {
	source=$1
	: >"$WORK/keys"
	while IFS= read -r line; do
		value=${line#*"$TAB"}
		case ${line%%"$TAB"*} in
		setip) apply_setip "$value" ;;
		search) apply_search "$value" ;;
		timezone) apply_time_zone "$value" ;;
		password) apply_password "$value" ;;
		hash) apply_hash "$value" ;;
		key) echo "$value" >>"$WORK/keys" ;;
		complaint) report "$value" ;;
		esac
	done <"$2"
	[ ! -s "$WORK/keys" ] || add_keys <"$WORK/keys" || complain "the SSH keys cannot be written"
}

complain() {
	report "$source: $*"
}

apply_setip() {
	set -f
	IFS=$TAB
	# shellcheck disable=SC2086 # words between tabs
	set -- $1
	unset IFS
	set +f
	setip --confirm "$@" >/dev/null 2>"$WORK/error" </dev/null && return 0
	reason=$(sed -n 's/^setip: //p' "$WORK/error" | head -n 1)
	# A value that is wrong with and without another one is named once.
	[ "$reason" = "${last_reason:-}" ] || complain "${reason:-setip $* fails}"
	last_reason=$reason
}

apply_search() {
	echo "$1" | tr "$TAB" '\n' | while read -r domain; do
		if is_host_name "$domain"; then
			echo "$domain"
		else
			complain "\"$domain\" is not a search domain" >&2
		fi
	done | write_setting search || complain "the search domains cannot be written to the disk"
}

apply_time_zone() {
	echo "$1" >"$WORK/timezone"
	if time_zone "$WORK/timezone" >/dev/null; then
		write_setting timezone <"$WORK/timezone" || complain "the time zone cannot be written to the disk"
	else
		complain "\"$1\" is not the name of a time zone, for example Europe/Berlin"
	fi
}

apply_password() {
	if [ ${#1} -lt $MIN_PASSWORD_LENGTH ]; then
		complain "the password is not set: it is shorter than $MIN_PASSWORD_LENGTH characters"
	elif hash=$(printf '%s\n' "$1" | crypt_password); then
		apply_hash "$hash"
	else
		complain "the password cannot be set"
	fi
}

# apply_hash HASH: sets the password of root, admin and the manager.
apply_hash() {
	case $1 in
	'$'[56]'$'*) ;;
	*)
		complain "the password is not set: its hash is not SHA-512 or SHA-256, as openssl passwd -6 prints it"
		return
		;;
	esac
	if is_default_hash "$1"; then
		complain "the password is not set: it is a default password"
	elif ! printf 'root:%s\nadmin:%s\n' "$1" "$1" | /usr/sbin/chpasswd -e >"$WORK/error" 2>&1; then
		complain "the password is not set: $(sed -n 's/^chpasswd: Line [0-9]*: //p' "$WORK/error")"
	elif ! /usr/lib/app-platform/manager-directories || ! echo "$1" | set_manager_password; then
		complain "the manager keeps its old password: $MANAGER_PASSWORD cannot be written"
	fi
}

# As its user: in a directory of that user, root would follow its links.
set_manager_password() {
	# shellcheck disable=SC2016 # for the inner shell
	/usr/lib/app-platform/as-manager sh -c \
		'. /usr/lib/app-platform/files.sh && replace_file "$0" 600' "$MANAGER_PASSWORD"
}

# is_default_hash HASH: whether it is that of a password that everybody knows.
is_default_hash() (
	salt=${1#???}
	method=${1#?}
	for default in $DEFAULT_PASSWORDS; do
		[ "$(echo "$default" | openssl passwd "-${method%%\$*}" -salt "${salt%\$*}" -stdin 2>/dev/null)" != "$1" ] || return 0
	done
	return 1
)

# Adds the keys on standard input to those of admin; root cannot log in by SSH.
add_keys() {
	# shellcheck disable=SC2016 # for the inner shell
	/usr/bin/setpriv --reuid admin --regid admin --clear-groups sh -c '
		. /usr/lib/app-platform/files.sh
		umask 077
		mkdir -p "$0" && touch "$0/authorized_keys" &&
			awk "FILENAME != \"-\" { print } !seen[\$0]++ && FILENAME == \"-\" { print }" "$0/authorized_keys" - |
			replace_file "$0/authorized_keys" 600
	' /home/admin/.ssh
}
