# shellcheck shell=sh
# The database cluster and its settings that depend on the machine. Used by S50postgresql. Needs service.sh
# and files.sh.

CLUSTER=/mnt/sda2/pgsql
# The system has one version, in this directory on every base.
for directory in /usr/lib/postgresql/[0-9]*; do
	# shellcheck disable=SC2034 # for postgresql-upgrade.sh
	MAJOR_VERSION=${directory##*/}
done
RUN=/run/postgresql

# Creates the cluster at the first start. It gets its name once it is complete on the disk: an interrupted
# one is never mistaken for a cluster.
make_cluster() {
	[ ! -e "$CLUSTER/PG_VERSION" ] || return 0
	[ ! -e "$CLUSTER" ] || rmdir "$CLUSTER" ||
		fail "$CLUSTER is not a PostgreSQL cluster; nothing is changed"
	say "Creating the database cluster in $CLUSTER"
	make_directory "$CLUSTER.making"
	{ initialise "$CLUSTER.making" && add_root "$CLUSTER.making"; } >/run/initdb.log 2>&1 ||
		fail "The cluster cannot be created: $(tail -n 3 /run/initdb.log)"
	configure "$CLUSTER.making"
	sync
	move_cluster "$CLUSTER.making" "$CLUSTER"
}

# move_cluster FROM TO
move_cluster() {
	mv "$1" "$2"
	sync "${CLUSTER%/*}"
}

# make_directory DIRECTORY: creates an empty one for PostgreSQL; deletes an existing one.
make_directory() {
	rm -rf "$1"
	mkdir -m 700 "$1"
	chown postgres:postgres "$1"
}

as_postgres() {
	setpriv --reuid postgres --regid postgres --init-groups "$@"
}

# initialise DIRECTORY: the builtin locale sorts the same with every C library.
initialise() {
	as_postgres initdb --pgdata "$1" --username postgres --encoding UTF8 --locale C.UTF-8 \
		--locale-provider builtin --builtin-locale C.UTF-8 \
		--auth-local peer --auth-host scram-sha-256 --no-sync --no-instructions
}

# add_root DIRECTORY: root administers the databases without a password.
add_root() {
	echo "CREATE ROLE root SUPERUSER LOGIN" | as_postgres postgres --single -D "$1" postgres
}

# configure DIRECTORY
configure() {
	replace_as_postgres "$1/postgresql.conf" 600 <<'END'
# The image's settings come first: settings below them override them and survive updates.
include '/etc/postgresql/app-platform.conf'
include '/run/postgresql/app-platform.conf'
END
}

# On the socket, instances of apps log in with a password; for all others the kernel names the user. The
# rule must be the first one, also in a file that an admin has edited.
allow_instances() {
	rule='local all +app_instances scram-sha-256'
	access=$(configuration pg_hba.conf)
	printf '%s\n' "$access" | grep -q '^local[[:blank:]].*+app_instances' ||
		printf '%s\n' "$rule" "$access" | replace_as_postgres "$CLUSTER/pg_hba.conf" 600
}

# The manager connects with its own role, and only to its own database: in any other, an app may decide what
# its statements do. These rules come before the one of instances, of whose roles the manager's is a member.
# The manager of older versions, to which a rollback returns, runs as root. The manager can make any role a member of
# app_instances, but not keep root out.
allow_manager() {
	rules='local manager app_platform_manager peer map=app_platform
local all app_platform_manager reject
local postgres,manager root peer'
	access=$(configuration pg_hba.conf)
	[ "$(printf '%s\n' "$access" | head -n 3)" = "$rules" ] ||
		{ echo "$rules" && printf '%s\n' "$access" | grep -vxF "$rules"; } |
		replace_as_postgres "$CLUSTER/pg_hba.conf" 600
	for user in manager root; do
		map="app_platform $user app_platform_manager"
		users=$(configuration pg_ident.conf)
		printf '%s\n' "$users" | grep -qxF "$map" ||
			printf '%s\n' "$map" "$users" | replace_as_postgres "$CLUSTER/pg_ident.conf" 600
	done
}

# configuration FILE: prints a file of the cluster. Not as root: whoever runs code as PostgreSQL can make it a link.
configuration() {
	as_postgres cat "$CLUSTER/$1" || fail "PostgreSQL cannot read $CLUSTER/$1"
}

# cluster_version DIRECTORY: prints the major version; fails if it is no cluster.
cluster_version() {
	as_postgres cat "$1/PG_VERSION" 2>/dev/null | grep -xE '[0-9]{1,9}'
}

# replace_as_postgres FILE MODE: replaces a file in a directory of PostgreSQL with standard input.
replace_as_postgres() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	as_postgres sh -euc '. "$1" && replace_file "$2" "$3"' sh /usr/lib/app-platform/files.sh "$@"
}

# Creates the manager's role and database, and hands over what belonged to the superuser in older versions.
# Runs when the server accepts connections.
prepare_manager_role() {
	psql -X -q -h "$RUN" -d postgres \
		-f /usr/lib/app-platform/manager-role.sql >/run/manager-role.log 2>&1 ||
		fail "The manager cannot use PostgreSQL: $(tail -n 3 /run/manager-role.log)"
}

# Writes the settings that are calculated at each start.
write_run_time_settings() {
	{
		memory_settings "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
		echo "listen_addresses = '$(configuration pg_hba.conf | listen_addresses)'"
	} | replace_as_postgres "$RUN/app-platform.conf" 644
}

# memory_settings RAM_KB: an eighth for shared buffers, modest amounts for each backend.
memory_settings() {
	megabytes=$(($1 / 1024))
	echo "shared_buffers = $(clamp 16 $((megabytes / 8)) 1024)MB"
	echo "effective_cache_size = $(clamp 64 $((megabytes / 2)) 16384)MB"
	echo "work_mem = $(clamp 1 $((megabytes / 256)) 16)MB"
	echo "maintenance_work_mem = $(clamp 16 $((megabytes / 16)) 256)MB"
}

# clamp MIN VALUE MAX
clamp() {
	if [ "$2" -lt "$1" ]; then
		echo "$1"
	elif [ "$2" -gt "$3" ]; then
		echo "$3"
	else
		echo "$2"
	fi
}

# Reads pg_hba.conf from standard input. The port is open only if the admin allows connections from outside
# there: as documented, editing this file is enough.
listen_addresses() {
	awk '
		/^[ \t]*host/ && $4 !~ /^(127\.|::1|localhost$|samehost$)/ { outside = 1 }
		END { print outside ? "*" : "" }'
}
