# shellcheck shell=sh
# The cluster and its settings that depend on the machine; used by S50postgresql.

CLUSTER=/mnt/sda2/pgsql
MAJOR_VERSION=17
RUN=/run/postgresql

# Makes the cluster at the first start. It gets its name when it is complete on the disk, so
# that one whose making was cut off is never taken for a cluster.
make_cluster() {
	if [ -e "$CLUSTER/PG_VERSION" ]; then
		version=$(cat "$CLUSTER/PG_VERSION")
		[ "$version" = "$MAJOR_VERSION" ] ||
			fail "The databases in $CLUSTER are of PostgreSQL $version; this system has $MAJOR_VERSION"
		return 0
	fi
	[ ! -e "$CLUSTER" ] || rmdir "$CLUSTER" ||
		fail "$CLUSTER holds something that is no PostgreSQL cluster; it is left alone"
	say "Making the database cluster in $CLUSTER"
	rm -rf "$CLUSTER.new"
	mkdir -m 700 "$CLUSTER.new"
	chown postgres:postgres "$CLUSTER.new"
	initialise "$CLUSTER.new" >/run/initdb.log 2>&1 ||
		fail "The cluster cannot be made: $(tail -n 3 /run/initdb.log)"
	sync
	mv "$CLUSTER.new" "$CLUSTER"
	sync "${CLUSTER%/*}"
}

# initialise FOLDER: the builtin locale sorts the same whichever C library the image has.
initialise() {
	setpriv --reuid postgres --regid postgres --init-groups \
		initdb --pgdata "$1" --username postgres --encoding UTF8 --locale C.UTF-8 \
		--locale-provider builtin --builtin-locale C.UTF-8 \
		--auth-local peer --auth-host scram-sha-256 --no-sync --no-instructions || return 1
	echo "CREATE ROLE root SUPERUSER LOGIN" |
		setpriv --reuid postgres --regid postgres --init-groups \
			postgres --single -D "$1" postgres || return 1
	cat >"$1/postgresql.conf" <<'END'
# The image's settings come first: what is added below them wins and survives updates.
include '/etc/postgresql/app-platform.conf'
include '/run/postgresql/app-platform.conf'
END
}

# Settings that are worked out at each start.
write_run_time_settings() {
	mkdir -p "$RUN"
	chown postgres:postgres "$RUN"
	{
		memory_settings "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
		echo "listen_addresses = '$(listen_addresses <"$CLUSTER/pg_hba.conf")'"
	} >"$RUN/app-platform.conf.new"
	chmod 644 "$RUN/app-platform.conf.new"
	mv "$RUN/app-platform.conf.new" "$RUN/app-platform.conf"
}

# memory_settings RAM_KB: an eighth for shared buffers, modest amounts for each backend.
memory_settings() {
	megabytes=$(($1 / 1024))
	echo "shared_buffers = $(between 16 $((megabytes / 8)) 1024)MB"
	echo "effective_cache_size = $(between 64 $((megabytes / 2)) 16384)MB"
	echo "work_mem = $(between 1 $((megabytes / 256)) 16)MB"
	echo "maintenance_work_mem = $(between 16 $((megabytes / 16)) 256)MB"
}

# between LEAST VALUE MOST
between() {
	if [ "$2" -lt "$1" ]; then
		echo "$1"
	elif [ "$2" -gt "$3" ]; then
		echo "$3"
	else
		echo "$2"
	fi
}

# Reads pg_hba.conf. The port is open only when the admin has let somebody in from outside
# there: the documents say that editing this file is all it takes.
listen_addresses() {
	awk '
		/^[ \t]*host/ && $4 !~ /^(127\.|::1|localhost$|samehost$)/ { outside = 1 }
		END { print outside ? "*" : "" }'
}
