# shellcheck shell=sh
# The machine's name in the texts of /etc/hostname and /etc/hosts, which administrators edit by hand.
. /usr/lib/app-platform/address.sh

DEFAULT_NAME=app-platform

# full_name: prints the name in the text of /etc/hostname on standard input: its first line that is not
# empty or a comment, in lower case, possibly with a domain. Prints the default name and fails if there
# is no valid name.
full_name() (
	name=$(sed 's/#.*//; s/^[[:space:]]*//; s/[[:space:]]*$//; /./!d; q' | tr '[:upper:]' '[:lower:]')
	name=${name%.}
	if is_host_name "$name"; then
		echo "$name"
	else
		echo $DEFAULT_NAME
		return 1
	fi
)

# hosts_with NAME: prints the text of /etc/hosts on standard input, changed so that it contains NAME. The
# line of 127.0.1.1 is the machine's own: its first name is replaced; aliases and all other lines stay.
hosts_with() (
	awk -v full="$1" '
		{ sub(/\r$/, ""); line[NR] = $0; sub(/#.*/, "") }
		{ for (i = 2; i <= NF; i++) found[tolower($i)] = 1 }
		$1 == "127.0.1.1" && !own { own = NR; names = NF; for (i = 2; i <= NF; i++) name[i] = $i }
		END {
			short = full
			sub(/\..*/, "", short)
			if (!found["localhost"]) print "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost"
			entry = "127.0.1.1\t" (short == full ? full : full " " short)
			known = found[full] && found[short]
			for (n = 1; n <= NR; n++)
				if (n == own && !known) print entry aliases()
				else print line[n]
			if (!own && !known) print entry
		}
		# The names of this line except the old name.
		function aliases(  i, text, old) {
			old = name[2]
			sub(/\..*/, "", old)
			for (i = 3; i <= names; i++)
				if (name[i] != old && name[i] != short && name[i] != full) text = text " " name[i]
			return text
		}'
)
