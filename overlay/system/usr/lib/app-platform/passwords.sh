# shellcheck shell=sh
# Password hashes in lines of /etc/shadow.

# is_crypted TEXT: whether it is a hash that login, su and SSH can check on every image, or one that
# matches no password: * and !.
is_crypted() (
	case $1 in
	\* | ! | !!) return 0 ;;
	esac
	# shellcheck disable=SC2016 # the dollars are the hash's
	echo "${1#!}" | grep -Eq '^\$[56]\$(rounds=[0-9]+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}$'
)

# crypt_password: prints the SHA-512 hash of the password on standard input.
crypt_password() {
	openssl passwd -6 -stdin
}

# shadow_with USER HASH DAY: prints the text of /etc/shadow on standard input with the user's new hash.
shadow_with() {
	user=$1 hash=$2 day=$3 awk '
		BEGIN { FS = OFS = ":"; user = ENVIRON["user"]; hash = ENVIRON["hash"]; day = ENVIRON["day"] }
		$1 == user { $2 = hash; $3 = day; found = 1 }
		{ print }
		END { if (!found) print user, hash, day, 0, 99999, 7, "", "", "" }
	'
}
