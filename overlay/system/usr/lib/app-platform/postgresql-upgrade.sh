# shellcheck shell=sh
# An update can bring another major version of PostgreSQL. During its trial boot, the new system then
# copies the databases from the old server into a new cluster. The old server is unpacked from the old
# slot, which stays on sda1 until the update is confirmed; the old cluster also stays until then, for a
# rollback. Used by S50postgresql. Needs service.sh, settings.sh, boot-loader.sh, unpack-slot.sh, trial.sh,
# postgresql.sh and postgresql-copy.sh.
#
#   pgsql          the cluster in use
#   pgsql.making   an incomplete cluster
#   pgsql.new      a complete cluster that is about to replace pgsql
#   pgsql.MAJOR    the previous cluster, of that version

# Needed in addition to the old system and the second cluster: the new server's write-ahead log, and what
# other processes write.
SPARE_KB=600000
# Root's; PostgreSQL may read it, and write to its directory "sockets". Whoever runs code as PostgreSQL could otherwise
# have root write elsewhere by a link, so root writes nothing into a cluster either.
CONVERSION=/run/conversion

# choose_cluster: makes a cluster that this system can read the one in use. Every step may be interrupted.
choose_cluster() {
	on_trial || restore_old_cluster
	rm -rf "$CLUSTER.making"
	[ -e "$CLUSTER" ] || [ ! -e "$CLUSTER.new" ] || move_cluster "$CLUSTER.new" "$CLUSTER"
	rm -rf "$CLUSTER.new"
	version=$MAJOR_VERSION
	if [ -e "$CLUSTER/PG_VERSION" ]; then
		version=$(cluster_version "$CLUSTER") || fail "$CLUSTER/PG_VERSION is not the version of a cluster"
	fi
	if [ "$version" != "$MAJOR_VERSION" ]; then
		on_trial ||
			fail "The databases in $CLUSTER are of PostgreSQL $version; this system has $MAJOR_VERSION"
		convert_cluster "$version" "$(boot_slot)"
	elif ! on_trial; then
		# The update is confirmed, or there was none.
		rm -rf "$CLUSTER".[0-9]*
	fi
}

# After a rollback: this system cannot read the cluster that the failed system wrote.
restore_old_cluster() {
	old=$CLUSTER.$MAJOR_VERSION
	[ -d "$old" ] && [ "$(cluster_version "$CLUSTER")" != "$MAJOR_VERSION" ] || return 0
	say "Restoring the databases from before the update"
	rm -rf "$CLUSTER.making"
	[ ! -e "$CLUSTER" ] || move_cluster "$CLUSTER" "$CLUSTER.making"
	move_cluster "$old" "$CLUSTER"
}

# convert_cluster VERSION SLOT
convert_cluster() {
	show_progress "Upgrading the databases from PostgreSQL $1 to $MAJOR_VERSION"
	needed=$(($(du -sk "$CLUSTER" | cut -f 1) + $(unpacked_kb "$2") + SPARE_KB))
	free=$(df -k "${CLUSTER%/*}" | awk 'END { print $4 }')
	[ "$free" -ge "$needed" ] ||
		fail "PostgreSQL $1 cannot be upgraded: sda2 has $free KB free, $needed KB are needed"
	old_system=$CLUSTER.making/system
	mkdir -p "$CLUSTER.making" "$old_system"
	unpack_slot "$2" "$old_system" >/run/unpack.log 2>&1 ||
		fail "The old system in $BOOT/$2 cannot be unpacked: $(tail -n 3 /run/unpack.log)"
	[ -x "$old_system/usr/lib/postgresql/$1/bin/postgres" ] ||
		fail "The old system in $BOOT/$2 has no PostgreSQL $1"
	make_conversion_directory
	make_directory "$CLUSTER.making/pgsql"
	copy_databases "$1" "$(max_minutes "$needed")" >"$CONVERSION/log" 2>&1 || {
		stop_servers
		fail "The databases cannot be upgraded: $(grep -v ' LOG:  ' "$CONVERSION/log" | tail -n 3)"
	}
	copy_configuration "$CLUSTER.making/pgsql"
	sync
	move_cluster "$CLUSTER.making/pgsql" "$CLUSTER.new"
	move_cluster "$CLUSTER" "$CLUSTER.$1"
	move_cluster "$CLUSTER.new" "$CLUSTER"
	rm -rf "$CLUSTER.making" "$CONVERSION"
}

make_conversion_directory() {
	rm -rf "$CONVERSION"
	mkdir -m 750 "$CONVERSION"
	mkdir "$CONVERSION/copy"
	chgrp postgres "$CONVERSION"
	make_directory "$CONVERSION/sockets"
	echo "local all all trust" >"$CONVERSION/pg_hba.conf"
	: >"$CONVERSION/empty"
}

# show_progress MESSAGE: the manager's page is not available for minutes, but people can log in on the consoles.
show_progress() {
	say "$1"
	echo "$1" | to_consoles || true
}

# unpacked_kb SLOT: prints the size of its unpacked system. xz compresses it to a sixth.
unpacked_kb() {
	echo $(($(stat -c %s "$(slot_file "$1" rootfs.tar.xz)") * 6 / 1024))
}

# max_minutes KB: prints the time limit for databases of that size: several times what the slowest machine
# needs.
max_minutes() {
	echo $((60 + $1 / 10240))
}

# copy_databases OLD_VERSION MINUTES: from the old server to the new one; nobody else can connect to them.
copy_databases() {
	feed_watchdog "$2" &
	feeder=$!
	new_server=
	start_old_server "$1"
	initialise "$CLUSTER.making/pgsql" || return 1
	start_new_server
	wait_for_server 5432 $old_server && wait_for_server 5433 $new_server || return 1
	# shellcheck disable=SC2034 # for postgresql-copy.sh
	OLD_SERVER="host=$CONVERSION/sockets port=5432" NEW_SERVER="host=$CONVERSION/sockets port=5433" COPY_DIRECTORY=$CONVERSION/copy
	copy_cluster || return 1
	stop_servers
}

# start_old_server VERSION: in the old system, with its own mount namespace: however it ends, the old
# cluster is not mounted below a directory that is deleted afterwards.
start_old_server() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private sh -euc '
		mkdir -p "$1/dev" "$1/mnt/sda2/pgsql" "$1$3"
		mount --rbind /dev "$1/dev"
		mount --bind "$2" "$1/mnt/sda2/pgsql"
		mount --bind "$3" "$1$3"
		exec chroot "$1" setpriv --reuid postgres --regid postgres --init-groups \
			"/usr/lib/postgresql/$4/bin/postgres" -D /mnt/sda2/pgsql -c config_file="$3/empty" \
			-c hba_file="$3/pg_hba.conf" -c ident_file="$3/empty" -c unix_socket_directories="$3/sockets" \
			-c port=5432 -c listen_addresses= -c shared_buffers=16MB
	' sh "$old_system" "$CLUSTER" "$CONVERSION" "$1" &
	old_server=$!
}

# Does not use as_postgres: in the background, a function runs in a subshell, which would get the signals.
start_new_server() {
	setpriv --reuid postgres --regid postgres --init-groups \
		postgres -D "$CLUSTER.making/pgsql" -c config_file="$CONVERSION/empty" \
		-c hba_file="$CONVERSION/pg_hba.conf" -c unix_socket_directories="$CONVERSION/sockets" \
		-c port=5433 -c listen_addresses= -c shared_buffers=16MB -c fsync=off &
	new_server=$!
}

# wait_for_server PORT PID: after a power cut, a server first replays its write-ahead log.
wait_for_server() {
	until pg_isready -q -U postgres -d postgres -h "$CONVERSION/sockets" -p "$1"; do
		kill -0 "$2" 2>/dev/null || return 1
		sleep 0.2
	done
}

stop_servers() {
	# SIGINT is PostgreSQL's fast shutdown.
	for process in ${old_server:-} ${new_server:-}; do
		kill -INT "$process" 2>/dev/null || continue
		wait "$process" || true
	done
	[ -z "${feeder:-}" ] || kill "$feeder" 2>/dev/null || true
	old_server=
	new_server=
	feeder=
}

# feed_watchdog MINUTES: the watchdog of the trial boot does not know how large the databases are. It
# restarts a conversion that takes longer than this.
feed_watchdog() {
	watchdog=$(trial_watchdog) || return 0
	left=$1
	# sleep must not have the device open: it outlives this function, and confirming the update opens it.
	while [ "$left" -gt 0 ]; do
		echo .
		sleep 60 >/dev/null
		left=$((left - 1))
	done >"$watchdog"
}

# copy_configuration DIRECTORY: copies the admin's configuration files. A file with a setting that this
# version does not know is kept as FILE.old.
copy_configuration() {
	configure "$1"
	write_run_time_settings
	for file in pg_hba.conf pg_ident.conf; do
		copy_file "$CLUSTER/$file" "$1/$file"
	done
	for file in postgresql.conf postgresql.auto.conf; do
		copy_file "$1/$file" "$1/$file.default"
		copy_file "$CLUSTER/$file" "$1/$file"
		if as_postgres postgres -D "$1" -C shared_buffers >/dev/null 2>"$CONVERSION/settings"; then
			as_postgres rm "$1/$file.default"
		else
			say "Your $file is kept as $file.old, since: $(head -n 1 "$CONVERSION/settings")"
			as_postgres mv "$1/$file" "$1/$file.old"
			as_postgres mv "$1/$file.default" "$1/$file"
		fi
	done
}

# copy_file FROM TO
copy_file() {
	as_postgres cp -p "$1" "$2" || fail "$1 cannot be copied"
}
