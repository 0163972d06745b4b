# shellcheck shell=sh
# What root does for apps at the manager's request. The manager's user counts as hostile: names and numbers are
# checked here, and paths are built only from them.
#
# /mnt/sda2/apps/FOLDER belongs to root. The manager's group may write to it, but the sticky bit keeps it from
# replacing root's directory `instances`, in which each instance has a directory that belongs to the service's user.

APPS=/mnt/sda2/apps
# Services have users from here on.
FIRST_UID=2000
NOBODY_UID=65534

refuse() {
	echo "$*" >&2
	exit 1
}

# is_name TEXT: whether it is a name of letters, digits and . _ - that begins with a letter or digit.
is_name() {
	case $1 in
	'' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) return 1 ;;
	esac
	[ ${#1} -le 63 ]
}

# is_number TEXT: whether it is a positive decimal number.
is_number() {
	case $1 in
	'' | 0* | *[!0-9]*) return 1 ;;
	esac
	[ ${#1} -le 10 ]
}

# check_folder NAME: refuses what is not the name of an app's directory.
check_folder() {
	is_name "$1" || refuse "\"$1\" is not the name of an app's directory"
	case $1 in
	manager | webserver | instances | *.new | *.log | *.sock) refuse "\"$1\" is reserved for the system" ;;
	esac
}

# check_instance NUMBER
check_instance() {
	is_number "$1" || refuse "\"$1\" is not the number of an instance"
}

# check_user FOLDER UID: refuses users of the system and those of other services. The manager's database says which
# user a service has, but whoever changes it must not become root or another service: the files of instances show
# whose user it is. Root owns a new directory for a moment.
check_user() {
	is_number "$2" || refuse "\"$2\" is not a user's number"
	if [ ${#2} -gt 5 ] || [ "$2" -lt $FIRST_UID ] || [ "$2" -ge $NOBODY_UID ]; then
		refuse "the user $2 is none of a service"
	fi
	for directory in "$APPS"/*/instances; do
		[ -d "$directory" ] || continue
		folder=${directory#"$APPS"/}
		folder=${folder%/instances}
		owners=$(find "$directory" -mindepth 1 -maxdepth 1 -exec stat -c %u {} +)
		for owner in $owners; do
			if [ "$folder" = "$1" ]; then
				[ "$owner" = "$2" ] || [ "$owner" = 0 ] || refuse "the user $owner owns its files, not $2"
			else
				[ "$owner" != "$2" ] || refuse "the user $2 owns the files of $folder"
			fi
		done
	done
}

# check_instances FOLDER: refuses unless `instances` is root's directory.
check_instances() {
	[ "$(stat -c '%u %F' "$APPS/$1/instances" 2>/dev/null)" = "0 directory" ] ||
		refuse "$APPS/$1/instances is not a directory of root"
}

# prepare_app FOLDER UID: makes the app's directories.
prepare_app() {
	directory=$APPS/$1
	[ -d "$directory" ] || mkdir -m 755 "$directory"
	[ -d "$directory/instances" ] || mkdir -m 755 "$directory/instances"
	check_instances "$1"
	chown root:manager "$directory"
	chmod 1775 "$directory"
	# The service's sockets: new ones inherit the directory's group, which lets the web server use them.
	mkdir -p "/run/apps/$1"
	chown "$2:webserver" "/run/apps/$1"
	chmod 2750 "/run/apps/$1"
	# The socket on which the manager waits for the service.
	mkdir -p "/run/services/$1"
	chown "manager:$2" "/run/services/$1"
	chmod 710 "/run/services/$1"
}

# prepare_instance FOLDER NUMBER UID
prepare_instance() {
	check_instances "$1"
	directory=$APPS/$1/instances/$2
	[ -d "$directory" ] || mkdir -m 700 "$directory"
	chown "$3:" "$directory"
}

# empty_as UID DIRECTORY [TEST…]: deletes what is in a directory with the rights of a user: root could be misled by
# links in a directory to which somebody else writes.
empty_as() {
	uid=$1
	directory=$2
	shift 2
	# rm fails in directories that their owner has closed, and where a path is too long: 15 names always fit. An app that
	# still runs must not keep this busy for ever.
	# shellcheck disable=SC2016 # expanded by the inner shell
	setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs sh -euc '
		cd "$1"
		shift
		empty() {
			# busybox has no -delete.
			find . -mindepth 1 -maxdepth 1 "$@" -exec rm -rf {} + && [ -z "$(find . -mindepth 1 -maxdepth 1 "$@")" ]
		}
		for _ in $(seq 1000); do
			! empty "$@" 2>/dev/null || exit 0
			changed=$(
				find . -mindepth 1 -maxdepth 15 -type d ! -perm -700 -exec chmod u+rwx {} \; -print
				find . -mindepth 15 -maxdepth 15 -type d -exec sh -c "mv -T \"\$1\" ./.\$\$" sh {} \; -print
			) 2>/dev/null || true
			[ -n "$changed" ] || break
		done
		empty "$@"
	' sh "$directory" "$@" 9>&- # The lock stays root's.
}

# delete_owned DIRECTORY: deletes a directory in one of root's, with the rights of its owner.
delete_owned() {
	owner=$(stat -c %u "$1" 2>/dev/null) || return 0
	[ "$owner" = 0 ] || empty_as "$owner" "$1"
	rmdir "$1"
}

# delete_app FOLDER
delete_app() {
	signal_app "$1" KILL
	if [ -d "$APPS/$1" ]; then
		empty_as manager "$APPS/$1" ! -name instances
		if [ -e "$APPS/$1/instances" ]; then
			check_instances "$1"
			for instance in "$APPS/$1/instances"/*; do
				[ ! -d "$instance" ] || delete_owned "$instance"
			done
		fi
		# Nobody else may make `instances` from now on.
		chown root:root "$APPS/$1"
		chmod 755 "$APPS/$1"
		[ ! -d "$APPS/$1/instances" ] || rmdir "$APPS/$1/instances"
		rmdir "$APPS/$1"
	fi
	delete_owned "/run/apps/$1"
	delete_owned "/run/services/$1"
}

# signal_app FOLDER TERM|KILL: signals all processes of the app.
signal_app() {
	group=/sys/fs/cgroup/apps/$1
	[ -e "$group/cgroup.procs" ] || return 0
	if [ "$2" = KILL ]; then
		echo 1 >"$group/cgroup.kill"
		return
	fi
	while read -r pid; do
		kill -s "$2" "$pid" 2>/dev/null || true
	done <"$group/cgroup.procs"
}
