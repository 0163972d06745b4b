# shellcheck shell=sh
# The cluster and its settings that depend on the machine; used by S50postgresql.

CLUSTER=/mnt/sda2/pgsql
# The system has one, under this name whichever base it was made from.
for folder in /usr/lib/postgresql/[0-9]*; do
	# shellcheck disable=SC2034 # for postgresql-upgrade.sh
	MAJOR_VERSION=${folder##*/}
done
RUN=/run/postgresql

# Makes the cluster at the first start. It gets its name when it is complete on the disk, so
# that one whose making was cut off is never taken for a cluster.
make_cluster() {
	[ ! -e "$CLUSTER/PG_VERSION" ] || return 0
	[ ! -e "$CLUSTER" ] || rmdir "$CLUSTER" ||
		fail "$CLUSTER holds something that is no PostgreSQL cluster; it is left alone"
	say "Making the database cluster in $CLUSTER"
	make_folder "$CLUSTER.making"
	{ initialise "$CLUSTER.making" && add_root "$CLUSTER.making"; } >/run/initdb.log 2>&1 ||
		fail "The cluster cannot be made: $(tail -n 3 /run/initdb.log)"
	configure "$CLUSTER.making"
	sync
	mv "$CLUSTER.making" "$CLUSTER"
	sync "${CLUSTER%/*}"
}

# make_folder FOLDER: anew.
make_folder() {
	rm -rf "$1"
	mkdir -m 700 "$1"
	chown postgres:postgres "$1"
}

as_postgres() {
	setpriv --reuid postgres --regid postgres --init-groups "$@"
}

# initialise FOLDER: the builtin locale sorts the same whichever C library the image has.
initialise() {
	as_postgres initdb --pgdata "$1" --username postgres --encoding UTF8 --locale C.UTF-8 \
		--locale-provider builtin --builtin-locale C.UTF-8 \
		--auth-local peer --auth-host scram-sha-256 --no-sync --no-instructions
}

# add_root FOLDER: root administers the databases without a password.
add_root() {
	echo "CREATE ROLE root SUPERUSER LOGIN" | as_postgres postgres --single -D "$1" postgres
}

configure() {
	cat >"$1/postgresql.conf" <<'END'
# The image's settings come first: what is added below them wins and survives updates.
include '/etc/postgresql/app-platform.conf'
include '/run/postgresql/app-platform.conf'
END
}

# Instances of apps log in with a password, by the socket; everybody else there is who the kernel
# says. The rule comes first, also in a file that an admin has edited.
let_instances_in() {
	rule='local all +app_instances scram-sha-256'
	! grep -q '^local[[:blank:]].*+app_instances' "$CLUSTER/pg_hba.conf" || return 0
	{ echo "$rule" && cat "$CLUSTER/pg_hba.conf"; } >"$CLUSTER/pg_hba.conf.new"
	chown postgres:postgres "$CLUSTER/pg_hba.conf.new"
	chmod 600 "$CLUSTER/pg_hba.conf.new"
	sync "$CLUSTER/pg_hba.conf.new"
	mv "$CLUSTER/pg_hba.conf.new" "$CLUSTER/pg_hba.conf"
}

# Settings that are worked out at each start.
write_run_time_settings() {
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
